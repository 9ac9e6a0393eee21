//! The table of codes has no holes and no twins.

use super::*;

#[test]
fn every_number_is_there_once() {
    let numbers: Vec<i16> = ErrorCode::ALL.iter().map(|code| code.number()).collect();
    assert_eq!(numbers, (-1..=133).collect::<Vec<_>>());
    for code in ErrorCode::ALL {
        assert_eq!(ErrorCode::try_from(code.number()), Ok(*code));
    }
    assert_eq!(ErrorCode::try_from(134), Err(UnknownErrorCode(134)));
    assert_eq!(ErrorCode::from_wire(999), ErrorCode::UnknownServerError);
}

#[test]
fn no_error_is_no_error() {
    assert_eq!(ErrorCode::default(), ErrorCode::None);
    assert_eq!(ErrorCode::None.ok(), Ok(()));
    assert_eq!(ErrorCode::NotController.ok(), Err(ErrorCode::NotController));
    assert!(ErrorCode::NotLeaderOrFollower.is_retriable());
    assert!(!ErrorCode::TopicAlreadyExists.is_retriable());
}
