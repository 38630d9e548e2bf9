//! Who may tell addresses: the balancers in front of a door, as addresses and networks. Pure.

use serde::{de, Deserialize, Deserializer};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// `"10.0.0.0/8, 192.0.2.7"`; none of them = anybody. Cheap to clone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balancers(Arc<[Network]>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    base: u128,
    mask: u128,
}

impl Balancers {
    /// Error: what is wrong, in one sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim);
        let networks = parts.filter(|part| !part.is_empty()).map(network);
        Ok(Self(networks.collect::<Result<_, _>>()?))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a connection from this address may tell whose it is.
    pub fn admit(&self, peer: IpAddr) -> bool {
        let peer = bits(peer);
        let holds = |network: &Network| peer & network.mask == network.base;
        self.is_empty() || self.0.iter().any(holds)
    }
}

impl<'de> Deserialize<'de> for Balancers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// IPv4 as IPv6 has it (RFC 4291, section 2.5.5.2), so that one comparison serves both.
fn bits(address: IpAddr) -> u128 {
    let mapped = match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    u128::from(mapped)
}

fn network(text: &str) -> Result<Network, String> {
    let wrong = || {
        format!("`{text}` is not an address or a network; write it like \"192.0.2.7\" or \"10.0.0.0/8\"")
    };
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| wrong())?;
    let longest: u32 = if address.is_ipv4() { 32 } else { 128 };
    let length: u32 = match length {
        Some(length) => length.parse().map_err(|_| wrong())?,
        None => longest,
    };
    let free = longest.checked_sub(length).ok_or_else(wrong)?;
    let mask = u128::MAX.checked_shl(free).unwrap_or(0);
    let base = bits(address);
    match base & mask == base {
        true => Ok(Network { base, mask }),
        false => Err(format!(
            "`{text}` has bits behind its /{length}: the network begins at {}",
            Ipv6Addr::from(base & mask).to_canonical()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(list: &str, peer: &str) -> bool {
        Balancers::parse(list).unwrap().admit(peer.parse().unwrap())
    }

    #[test]
    fn addresses_and_networks_of_both_families_admit_their_own_and_nobody_else() {
        let list = "10.0.0.0/8, 192.0.2.7,2001:db8::/32 , ::1";
        for peer in [
            "10.255.0.1",
            "192.0.2.7",
            "2001:db8:1::9",
            "::1",
            "::ffff:10.1.2.3",
        ] {
            assert!(admits(list, peer), "{peer}");
        }
        for peer in [
            "11.0.0.0",
            "192.0.2.8",
            "2001:db9::1",
            "::2",
            "::a00:1",
            "127.0.0.1",
        ] {
            assert!(!admits(list, peer), "{peer}");
        }
        assert!(admits("0.0.0.0/0", "203.0.113.9") && !admits("0.0.0.0/0", "2001:db8::1"));
        assert!(admits("::/0", "2001:db8::1"));
        assert!(admits(" ", "203.0.113.9"), "none named: anybody");
    }

    #[test]
    fn what_is_no_network_is_refused_with_its_text() {
        for text in [
            "10.0.0.0/33",
            "10.0.0/8",
            "x",
            "::/129",
            "10.0.0.0/",
            "10.0.0.1/-1",
        ] {
            let why = Balancers::parse(text).unwrap_err();
            assert!(why.contains(text), "{why}");
        }
        let why = Balancers::parse("10.1.2.3/8").unwrap_err();
        assert!(why.ends_with("the network begins at 10.0.0.0"), "{why}");
    }
}
