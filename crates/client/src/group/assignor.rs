//! The "range" assignor: each topic's partitions in runs over its subscribers, in the order of
//! their ids. It must agree with the Java client's, as any member of a group may be its leader.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metadata::TopicPartition;

/// A member of the group, as its leader sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscriber {
    /// Its member id.
    pub member_id: String,
    /// Its instance id, if it is static.
    pub instance_id: Option<String>,
    /// The topics it reads.
    pub topics: Vec<Arc<str>>,
}

/// Which partitions each member gets, by member id; a member without partitions is listed too.
#[must_use]
pub fn range_assignment(
    subscribers: &[Subscriber],
    partition_counts: &BTreeMap<Arc<str>, usize>,
) -> BTreeMap<String, Vec<TopicPartition>> {
    let mut assignment: BTreeMap<String, Vec<TopicPartition>> =
        subscribers.iter().map(|member| (member.member_id.clone(), Vec::new())).collect();
    let mut ordered: Vec<_> = subscribers.iter().collect();
    // Static members first, by instance id; the others by member id.
    ordered.sort_by_key(|member| {
        (member.instance_id.is_none(), member.instance_id.as_deref(), member.member_id.as_str())
    });
    for (topic, &count) in partition_counts {
        let takers: Vec<_> =
            ordered.iter().filter(|member| member.topics.contains(topic)).collect();
        let (Some(each), Some(extra)) =
            (count.checked_div(takers.len()), count.checked_rem(takers.len()))
        else {
            continue;
        };
        let mut partitions = 0_i32..;
        for (index, member) in takers.iter().enumerate() {
            let len = each + usize::from(index < extra);
            if let Some(assigned) = assignment.get_mut(&member.member_id) {
                let run = partitions.by_ref().take(len);
                assigned.extend(run.map(|partition| TopicPartition::new(topic.clone(), partition)));
            }
        }
    }
    assignment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, instance: Option<&str>, topics: &[&str]) -> Subscriber {
        Subscriber {
            member_id: id.to_owned(),
            instance_id: instance.map(str::to_owned),
            topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
        }
    }

    fn check(members: &[Subscriber], counts: &[(&str, usize)], expected: &str) {
        let counts = counts.iter().map(|(topic, count)| (Arc::from(*topic), *count)).collect();
        let text: Vec<_> = range_assignment(members, &counts)
            .into_iter()
            .map(|(id, places)| {
                let places: Vec<_> = places.iter().map(ToString::to_string).collect();
                format!("{id}: {}", places.join(" "))
            })
            .collect();
        assert_eq!(text.join(" | "), expected);
    }

    #[test]
    fn runs_in_the_order_of_ids() {
        let (b, a) = (member("b", None, &["t"]), member("a", None, &["t"]));
        check(&[b.clone(), a.clone()], &[("t", 5)], "a: t-0 t-1 t-2 | b: t-3 t-4");
        check(&[b.clone(), a.clone()], &[("t", 1)], "a: t-0 | b: ");
        check(&[b, a], &[], "a:  | b: ");
        check(&[], &[("t", 3)], "");
    }

    #[test]
    fn each_topic_by_itself_and_only_to_its_readers() {
        let members =
            [member("a", None, &["t", "u"]), member("b", None, &["u"]), member("c", None, &["u"])];
        check(&members, &[("t", 2), ("u", 4)], "a: t-0 t-1 u-0 u-1 | b: u-2 | c: u-3");
    }

    #[test]
    fn static_members_come_first() {
        let members = [
            member("a", None, &["t"]),
            member("z", Some("1"), &["t"]),
            member("b", Some("2"), &["t"]),
        ];
        check(&members, &[("t", 3)], "a: t-2 | b: t-1 | z: t-0");
    }
}
