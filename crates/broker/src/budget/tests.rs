//! What is taken comes back, and nobody takes what is not there.

use super::Budget;

#[test]
fn a_grant_takes_what_there_is_and_gives_it_back() {
    let budget = Budget::new(100);
    let mut first = budget.grant();
    assert!(first.resize(80));
    let mut second = budget.grant();
    assert!(!second.resize(30), "30 of 20 left");
    assert!(second.resize(20));
    assert_eq!(budget.left(), 0);
    assert!(first.resize(10));
    drop(second);
    assert_eq!(budget.left(), 90);
}

#[test]
fn replies_count_even_beyond_the_budget() {
    let budget = Budget::new(100);
    let mut reply = budget.grant();
    reply.count(250);
    assert_eq!(budget.left(), -150);
    assert!(!budget.grant().resize(1), "nobody reads on while replies exceed the budget");
    drop(reply);
    assert_eq!(budget.left(), 100);
}
