//! Peers whose association goes on under another address, or ends.

use super::*;

#[test]
fn a_moved_peer_is_found_under_its_new_address_only() {
    let mut table = Table::new();
    let id = table.observer(trusted(1), Kind::Con, 1, b"obs");
    let answer = table.one();
    // Others are moved and met beside it, so that the table grows.
    for port in 100..200 {
        table.ask(trusted(port), &post(Kind::Con, 1), done());
    }
    table.endpoint.moved(&trusted(1), trusted(2));
    table.send(trusted(2), &observe(Kind::Con, 1, b"obs", 0));
    assert_eq!(table.one(), answer, "what it sent before is remembered");
    table.notify(id, 1, "{}");
    assert_eq!(table.fx.send[0].0, trusted(2));
    table.sent();
    assert!(table.endpoint.observes(&trusted(2)) && !table.endpoint.observes(&trusted(1)));
    table.send(trusted(1), &observe(Kind::Con, 1, b"obs", 0));
    table.request();
    table.endpoint.gone(&trusted(2), &mut table.fx);
    assert_eq!(table.fx.ended, [(id, Ended::Gone)]);
    assert_eq!(table.endpoint.load().peers, 102);
}
