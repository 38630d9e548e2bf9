//! Identities: 128-bit and node-independent, never counters (design.md 7.3).

use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A new random (version 4) id.
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::new_v4())
            }

            /// The id that a canonical UUID text names; `None` when it is not one.
            pub fn parse(text: &str) -> Option<Self> {
                Uuid::parse_str(text).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

uuid_id!(
    /// A device, whatever protocols it speaks.
    DeviceId
);
uuid_id!(
    /// A device profile; a device's `type` is its profile's name.
    ProfileId
);
uuid_id!(
    /// A credentials record (one a device).
    CredentialsId
);
uuid_id!(
    /// A person who operates the platform.
    OperatorId
);
uuid_id!(
    /// A key that speaks for an operator.
    ApiKeyId
);
uuid_id!(
    /// A row of the audit log.
    AuditId
);
uuid_id!(
    /// A server-side RPC, also the `rpcId` of the REST answers.
    RpcId
);
uuid_id!(
    /// One connection of one device, from its CONNECT to its end.
    SessionId
);
uuid_id!(
    /// The node that owns a data directory; drawn once, at its first start.
    NodeId
);

/// How often this data directory has been started: raised durably at each start.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Default,
)]
pub struct Incarnation(pub u32);

/// Grows for a device with each session and each actor life; commands, replies and closes of an
/// older epoch are refused (design.md 7.4). High 32 bits: incarnation; low 32: a node-wide counter.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Default,
)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The `n`-th epoch handed out in `incarnation`.
    pub fn new(incarnation: Incarnation, n: u32) -> Self {
        Self((u64::from(incarnation.0) << 32) | u64::from(n))
    }
}

/// Where a value came from: of two values for one (device, key, ts) the higher origin wins
/// (design.md 7.5), so batches may be applied in any order and replayed safely.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, Default,
)]
pub struct Origin {
    pub epoch: Epoch,
    /// Counts the writes of one actor life from 1.
    pub sequence: u64,
}

/// Number of partitions, fixed in the journal's format and in the prefix of the store's keys.
pub const PARTITIONS: u8 = 64;

/// The partition of a batch (design.md 7.7), always below [`PARTITIONS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct Partition(pub u8);

impl Partition {
    /// For what belongs to no device: operators, profiles, the node itself.
    pub const SYSTEM: Partition = Partition(0);
}

impl DeviceId {
    /// `fnv1a64(id bytes) % 64`. Fixed in the on-disk format: never change it.
    pub fn partition(&self) -> Partition {
        Partition((self.stable_hash() % u64::from(PARTITIONS)) as u8)
    }

    /// FNV-1a, 64 bits, over the 16 bytes of the id; the same on every node and version.
    pub fn stable_hash(&self) -> u64 {
        self.0
            .as_bytes()
            .iter()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
            })
    }
}
