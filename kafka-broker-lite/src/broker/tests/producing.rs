use super::*;

#[test]
fn what_is_produced_can_be_fetched() {
    let mut world = World::new();
    world.create("t", 2, &[]);
    let first = world.produce("t", 1, batch(&["a", "b"]));
    assert_eq!((first.error_code, first.base_offset), (ErrorCode::NONE, 0));
    assert_eq!((first.log_append_time_ms, first.log_start_offset), (-1, 0));
    assert_eq!(world.produce("t", 1, batch(&["c"])).base_offset, 2);
    let data = world.fetch("t", 1, 0);
    assert_eq!((data.high_watermark, data.last_stable_offset, data.log_start_offset), (3, 3, 0));
    let expected = [(0, "a".to_owned()), (1, "b".to_owned()), (2, "c".to_owned())];
    assert_eq!(values(&data), expected);
    assert_eq!(world.broker.control().counters().appended_batches, 2);
}
