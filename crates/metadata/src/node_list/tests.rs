//! A list of nodes beside the `Vec` whose bytes it shares.

use super::*;

#[test]
fn as_bytes_it_is_a_vec() {
    for count in 0..10 {
        let nodes: Vec<NodeId> = (0..count).map(NodeId).collect();
        let list: NodeList = nodes.iter().copied().collect();
        assert_eq!(*list, *nodes);
        let bytes = postcard::to_stdvec(&nodes).unwrap();
        assert_eq!(postcard::to_stdvec(&list).unwrap(), bytes);
        assert_eq!(postcard::from_bytes::<NodeList>(&bytes).unwrap(), list);
    }
}
