//! Whom an address counts as.

use std::net::{IpAddr, Ipv6Addr};

/// The address that is counted: of IPv6 its network of 64 bits, as a subscriber has at least that
/// (RFC 6177); IPv4 as it is, however it is written.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}
