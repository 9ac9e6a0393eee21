//! Records of the metadata log, as parts: each is the same after being written again, and what they
//! add up to is the same after being written as records.
#![no_main]

use metadata::{ConfigResource, Image, MetadataRecord, NodeId, TopicId};
use records::LeaderEpoch;

fn check(data: &[u8]) {
    let mut data = data;
    let mut records = Vec::new();
    while !data.is_empty() {
        let bytes = walser_fuzz::part(&mut data);
        let limit = 64 * bytes.len() + 8192;
        let decoded = walser_fuzz::within(limit, || MetadataRecord::decode(bytes));
        let Ok(record) = decoded else { continue };
        let mut once = Vec::new();
        record.encode(&mut once);
        assert_eq!(MetadataRecord::decode(&once), Ok(record.clone()));
        records.push(record);
    }
    let Ok((image, _)) = Image::default().try_apply(&records) else { return };
    let written = image.to_records();
    let (again, _) = Image::default().try_apply(&written).expect("it is an image");
    assert_eq!(again.to_records(), written);
}

fn seeds() -> Vec<Vec<u8>> {
    let id = "AAAAAAAAAAAAAAAAAAAATQ".parse::<TopicId>().expect("an id");
    let key = "retention.ms".to_owned();
    let records = [
        MetadataRecord::ClusterId { id: "cluster".to_owned() },
        MetadataRecord::Topic { id, name: "orders".to_owned(), internal: false },
        MetadataRecord::Partition {
            topic: id,
            partition: 0,
            leader: Some(NodeId(1)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: 0,
            replicas: [NodeId(1)].into(),
            isr: [NodeId(1)].into(),
        },
        MetadataRecord::SetConfig {
            resource: ConfigResource::Topic("orders".to_owned()),
            key,
            value: "1".to_owned(),
        },
        MetadataRecord::ProducerIds { next: 1_000 },
    ];
    let mut seed = Vec::new();
    for record in records {
        let mut bytes = Vec::new();
        record.encode(&mut bytes);
        walser_fuzz::put_part(&mut seed, &bytes);
    }
    vec![seed]
}

walser_fuzz::target!(check, seeds);
