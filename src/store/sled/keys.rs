//! Every key of the one sled tree, drawn. Integers are big-endian; times have their sign bit
//! flipped, so that bytes sort as numbers do.
//!
//! ```text
//!  +-----------+-------+----------------------------------------------------------------+
//!  | partition | table | ...                                                            |
//!  | u8        | u8    |                                                                |
//!  +-----------+-------+----------------------------------------------------------------+
//!  Partitions 0..63: a device's data stands in its own partition (design.md 7.7).
//!    p  'd'  device 16                                        -> Device
//!    p  'c'  device 16                                        -> Credentials
//!    p  'v'  device 16 | scope 1                              -> scope state (revision, ...)
//!    p  'a'  device 16 | scope 1 | key                        -> attribute
//!    p  't'  device 16 | scope 1 | key                        -> revision of its deletion
//!    p  'u'  device 16 | scope 1 | revision 8 | key           -> nothing (deletions by age)
//!    p  'r'  device 16 | rpc 16                               -> RpcRecord
//!    p  'q'  device 16 | created 8 | request id 4 | rpc 16    -> nothing (pending, oldest first)
//!    p  'i'  device 16                                        -> first request id never reserved
//!    p  'e'  device 16                                        -> StoredSession
//!    p  'l'  device 16                                        -> poll cursor
//!    p  's'  device 16                                        -> series state (sealed up to, latest)
//!    p  'y'  device 16 | log2 of pages 1 | page 2             -> page of latest values (many keys)
//!    p  'm'  device 16 | block 4                              -> block's time range (directory)
//!    p  'M'  device 16 | width 1 | first time 8 | block 4      -> block's time range (from 'm', by time)
//!    p  'b'  device 16 | block 4                              -> block
//!  Partition 0 also holds what belongs to no device:
//!    0  'F'  profile 16                                       -> Profile
//!    0  'O'  operator 16                                      -> Operator
//!    0  'S'  name                                             -> secret or setting of the node
//!    0  'R'  token session                                    -> RevokedSession
//!    0  'K'  API key 16                                       -> ApiKey
//!    0  'A'  time 8 | row 16                                  -> AuditRow
//!  0x80: indexes over all partitions, derived from the tables above.
//!    80 'n'  name                                             -> device
//!    80 'o'  created 8 | device 16                            -> profile (devices by age)
//!    80 'p'  profile 16 | created 8 | device 16               -> nothing
//!    80 'l'  name in lower case, escaped | created 8 | device -> profile (devices by name)
//!    80 'c'  nothing, or profile 16                           -> number of devices
//!    80 'k'  look-up text                                     -> device
//!    80 'i'  credentials 16                                   -> device
//!    80 'r'  rpc 16                                           -> device
//!    80 'g'  device 16                                        -> nothing (has blocks to merge)
//!    80 'x'  expires 8 | rpc 16                               -> device (pending RPCs by due time)
//!  0x81 'w'                                                   -> last applied sequence
//!  0x81 'M'                                                   -> nothing (the tables 'M' are complete)
//!  0x81 'P'                                                   -> nothing (small records are in leaves)
//!  0x81 'm'                                                   -> nothing (blocks' ranges are in leaves)
//!  0x82 key | chunk 4                                         -> part of a value too long for one record
//!  0x83 part 4                                                -> changes on their way to leaves
//!  0x84 key                                                   -> leaf of small records that begins there
//! ```
//! The tables `s y b` and `80 g` stand in sled as drawn, the records of all others in leaves (see
//! `packed`), under the keys drawn here; stores of the first versions have them in sled as drawn too.

use crate::model::attributes::{Revision, Scope};
use crate::model::ids::{
    ApiKeyId, AuditId, CredentialsId, DeviceId, OperatorId, Partition, ProfileId, RpcId, PARTITIONS,
};
use crate::model::rpc::RpcRecord;
use crate::model::Millis;

pub type KeyBytes = Vec<u8>;

/// Where indexes over all partitions stand.
pub const INDEX: u8 = 0x80;
/// Prefix of the parts of long values.
pub const CHUNK: u8 = 0x82;
/// Last sequence whose entity changes are in the tables.
pub const APPLIED: &[u8] = &[0x81, b'w'];

/// There once every block's range stands in `M` too: stores of the first version had none.
pub const BY_TIME: &[u8] = &[0x81, b'M'];

/// There once all small records are in leaves.
pub const IN_LEAVES: &[u8] = &[0x81, b'P'];
/// There once the ranges of all blocks are.
pub const RANGES_IN_LEAVES: &[u8] = &[0x81, b'm'];

/// Prefix of changes on their way to leaves.
pub const DRAIN: u8 = 0x83;
/// Prefix of leaves.
pub const LEAF: u8 = 0x84;

/// Tables of a device, and of the system, whose records are small.
const SMALL: &[u8] = b"dcvaturqielFOSRKA";
/// Indexes whose records are small.
const SMALL_INDEXES: &[u8] = b"noplckirx";

/// Ranges of blocks. They stand in leaves too, and reach sled in the batch of their blocks.
const RANGES: &[u8] = b"mM";

/// Whether a key, or the prefix of some, belongs to a table whose records stand in leaves.
pub fn is_in_leaves(key: &[u8]) -> bool {
    let is_range = |key: &[u8]| match key {
        [partition, table, ..] => *partition < PARTITIONS && RANGES.contains(table),
        _ => false,
    };
    is_small(key) || is_range(key)
}

/// Whether a key, or the prefix of some, belongs to a table of small records: those whose changes
/// are gathered.
pub fn is_small(key: &[u8]) -> bool {
    let [first, table, ..] = key else {
        return false;
    };
    match *first {
        INDEX => SMALL_INDEXES.contains(table),
        partition => partition < PARTITIONS && SMALL.contains(table),
    }
}

/// Prefixes of all tables of small records.
pub fn small_tables() -> impl Iterator<Item = [u8; 2]> {
    let of_devices =
        (0..PARTITIONS).flat_map(|first| SMALL.iter().map(move |table| [first, *table]));
    of_devices.chain(SMALL_INDEXES.iter().map(|table| [INDEX, *table]))
}

/// Prefixes of all tables of blocks' ranges.
pub fn range_tables() -> impl Iterator<Item = [u8; 2]> {
    (0..PARTITIONS).flat_map(|first| RANGES.iter().map(move |table| [first, *table]))
}

/// Where all keys stand that are not of blocks: first key, and the first behind, if there is one.
pub fn all_but_blocks() -> impl Iterator<Item = (KeyBytes, Option<KeyBytes>)> {
    let before = (0..PARTITIONS).map(|first| (vec![first], Some(vec![first, b'b'])));
    let behind = (0..PARTITIONS).map(|first| (vec![first, b'b' + 1], Some(vec![first + 1])));
    before.chain(behind).chain([(vec![PARTITIONS], None)])
}

/// A leaf by the key where it begins.
pub fn leaf(begin: &[u8]) -> KeyBytes {
    join(&[&[LEAF], begin])
}

pub fn drain_part(number: u32) -> KeyBytes {
    join(&[&[DRAIN], &number.to_be_bytes()])
}

/// The first key behind all with this prefix; `None` when there is none.
pub fn behind(prefix: &[u8]) -> Option<KeyBytes> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return Some(end);
        }
    }
    None
}

const SIGN: u64 = 1 << 63;

/// Times as bytes that sort alike.
pub fn time(at: Millis) -> [u8; 8] {
    ((at as u64) ^ SIGN).to_be_bytes()
}

fn join(parts: &[&[u8]]) -> KeyBytes {
    parts.concat()
}

/// A table of a device: prefix of all its keys there, and the whole key where there is only one.
pub fn of_device(table: u8, device: DeviceId) -> KeyBytes {
    join(&[&[device.partition().0, table], device.0.as_bytes()])
}

fn of_system(table: u8, rest: &[u8]) -> KeyBytes {
    join(&[&[Partition::SYSTEM.0, table], rest])
}

fn index(table: u8, rest: &[&[u8]]) -> KeyBytes {
    let mut key = vec![INDEX, table];
    rest.iter().for_each(|part| key.extend_from_slice(part));
    key
}

pub fn device(id: DeviceId) -> KeyBytes {
    of_device(b'd', id)
}

/// Prefixes of all devices, a partition each.
pub fn all_devices() -> impl Iterator<Item = [u8; 2]> {
    (0..PARTITIONS).map(|partition| [partition, b'd'])
}

pub fn credentials(device: DeviceId) -> KeyBytes {
    of_device(b'c', device)
}

/// Prefix of one scope in one of the attribute tables `v`, `a`, `t`, `u`.
pub fn scope(table: u8, device: DeviceId, scope: Scope) -> KeyBytes {
    let mut key = of_device(table, device);
    key.push(scope as u8);
    key
}

pub fn scope_state(device: DeviceId, of: Scope) -> KeyBytes {
    scope(b'v', device, of)
}

pub fn attribute(device: DeviceId, of: Scope, key: &str) -> KeyBytes {
    join(&[&scope(b'a', device, of), key.as_bytes()])
}

/// Prefixes of all attributes, a partition each.
pub fn all_attributes() -> impl Iterator<Item = [u8; 2]> {
    (0..PARTITIONS).map(|partition| [partition, b'a'])
}

/// What a key of [`attribute`] is made of.
pub fn attribute_parts(key: &[u8]) -> Option<(DeviceId, u8, &[u8])> {
    let (prefix, name) = key.split_at_checked(SCOPE_PREFIX)?;
    let (scope, device) = prefix.split_last()?;
    Some((DeviceId(trailing_id(device)?), *scope, name))
}

pub fn deletion(device: DeviceId, of: Scope, key: &str) -> KeyBytes {
    join(&[&scope(b't', device, of), key.as_bytes()])
}

pub fn deletion_by_age(device: DeviceId, of: Scope, revision: Revision, key: &str) -> KeyBytes {
    let prefix = scope(b'u', device, of);
    join(&[&prefix, &revision.to_be_bytes(), key.as_bytes()])
}

/// Length of [`scope`], that is where an attribute's name begins.
pub const SCOPE_PREFIX: usize = 19;

pub fn rpc(device: DeviceId, rpc: RpcId) -> KeyBytes {
    join(&[&of_device(b'r', device), rpc.0.as_bytes()])
}

pub fn pending(record: &RpcRecord) -> KeyBytes {
    let request = (record.request_id as u32) ^ (1 << 31);
    join(&[
        &of_device(b'q', record.device),
        &time(record.order.created),
        &request.to_be_bytes(),
        record.order.id.0.as_bytes(),
    ])
}

pub fn reserved_rpc_ids(device: DeviceId) -> KeyBytes {
    of_device(b'i', device)
}

pub fn session(device: DeviceId) -> KeyBytes {
    of_device(b'e', device)
}

pub fn poll_cursor(device: DeviceId) -> KeyBytes {
    of_device(b'l', device)
}

pub fn series(device: DeviceId) -> KeyBytes {
    of_device(b's', device)
}

/// One of `1 << doublings` pages.
pub fn latest_page(device: DeviceId, doublings: u8, page: u16) -> KeyBytes {
    let table = of_device(b'y', device);
    join(&[&table, &[doublings], &page.to_be_bytes()])
}

/// Prefix of all pages of latest values.
pub fn latest_pages(device: DeviceId) -> KeyBytes {
    of_device(b'y', device)
}

/// How many pages there are, from the key of one.
pub fn doublings(page: &[u8]) -> Option<u8> {
    page.get(WIDTH).copied()
}

pub fn unmerged(device: DeviceId) -> KeyBytes {
    index(b'g', &[device.0.as_bytes()])
}

pub fn all_unmerged() -> KeyBytes {
    index(b'g', &[])
}

pub fn block_range(device: DeviceId, block: u32) -> KeyBytes {
    join(&[&of_device(b'm', device), &block.to_be_bytes()])
}

/// Whether a key is that of a block's range, from [`block_range`].
pub fn is_block_range(key: &[u8]) -> bool {
    key.get(1) == Some(&b'm') && key.len() == BLOCK_RANGE && key.first() < Some(&PARTITIONS)
}

/// Length of [`block_range`]: a partition, a table, a device, a block.
const BLOCK_RANGE: usize = 1 + 1 + 16 + 4;

/// Prefixes of all block ranges, a partition each.
pub fn all_block_ranges() -> impl Iterator<Item = [u8; 2]> {
    (0..PARTITIONS).map(|partition| [partition, b'm'])
}

/// The place by time of the range that stands under the key `range`. A block of `width` w lasts
/// less than 2^w ms.
pub fn block_by_time(range: &[u8], width: u8, first: Millis) -> Option<KeyBytes> {
    let (device, block) = range.split_last_chunk::<4>()?;
    let device = device.get(2..)?;
    let partition = range.first()?;
    let head = [*partition, b'M'];
    Some(join(&[&head, device, &[width], &time(first), block]))
}

/// Where the blocks of a device begin whose width is at least `width`, and of those of that width
/// the ones that begin at or after `first`.
pub fn blocks_from(device: DeviceId, width: u8, first: Millis) -> KeyBytes {
    join(&[&of_device(b'M', device), &[width], &time(first)])
}

/// Width and number of a block in the order of time.
pub fn width_and_block(key: &[u8]) -> Option<(u8, u32)> {
    let width = *key.get(WIDTH)?;
    key.last_chunk::<4>()
        .map(|number| (width, u32::from_be_bytes(*number)))
}

/// Where the width stands in a key by time, and the doublings in that of a page.
const WIDTH: usize = 1 + 1 + 16;

/// Length of [`block`].
pub const BLOCK: usize = BLOCK_RANGE;

pub fn block(device: DeviceId, block: u32) -> KeyBytes {
    join(&[&of_device(b'b', device), &block.to_be_bytes()])
}

pub fn profile(id: ProfileId) -> KeyBytes {
    of_system(b'F', id.0.as_bytes())
}

pub fn profiles() -> KeyBytes {
    of_system(b'F', &[])
}

pub fn operator(id: OperatorId) -> KeyBytes {
    of_system(b'O', id.0.as_bytes())
}

pub fn operators() -> KeyBytes {
    of_system(b'O', &[])
}

pub fn system(name: &str) -> KeyBytes {
    of_system(b'S', name.as_bytes())
}

pub fn revoked(session: &str) -> KeyBytes {
    of_system(b'R', session.as_bytes())
}

pub fn all_revoked() -> KeyBytes {
    of_system(b'R', &[])
}

pub fn api_key(id: ApiKeyId) -> KeyBytes {
    of_system(b'K', id.0.as_bytes())
}

pub fn api_keys() -> KeyBytes {
    of_system(b'K', &[])
}

pub fn audit(place: (Millis, AuditId)) -> KeyBytes {
    let (at, id) = place;
    of_system(b'A', &join(&[&time(at), id.0.as_bytes()]))
}

pub fn all_audit() -> KeyBytes {
    of_system(b'A', &[])
}

/// Where the rows of this time and later ones begin.
pub fn audit_from(at: Millis) -> KeyBytes {
    of_system(b'A', &time(at))
}

pub fn device_by_name(name: &str) -> KeyBytes {
    index(b'n', &[name.as_bytes()])
}

pub fn by_age(created: Millis, device: DeviceId) -> KeyBytes {
    index(b'o', &[&time(created), device.0.as_bytes()])
}

pub fn all_by_age() -> KeyBytes {
    index(b'o', &[])
}

pub fn by_profile(profile: ProfileId, created: Millis, device: DeviceId) -> KeyBytes {
    let (profile, device) = (profile.0.as_bytes(), device.0.as_bytes());
    index(b'p', &[profile, &time(created), device])
}

pub fn all_by_profile(profile: ProfileId) -> KeyBytes {
    index(b'p', &[profile.0.as_bytes()])
}

/// NUL bytes are escaped as 00 FF and the name ends with 00 01, so that "a" sorts before "a\0".
pub fn by_name(name: &str, created: Millis, device: DeviceId) -> KeyBytes {
    let mut escaped = Vec::with_capacity(name.len() + 2);
    for byte in name.to_lowercase().bytes() {
        escaped.push(byte);
        if byte == 0 {
            escaped.push(0xff);
        }
    }
    escaped.extend_from_slice(&[0, 1]);
    index(b'l', &[&escaped, &time(created), device.0.as_bytes()])
}

pub fn all_by_name() -> KeyBytes {
    index(b'l', &[])
}

/// Number of all devices, or of those of a profile.
pub fn device_count(profile: Option<ProfileId>) -> KeyBytes {
    match profile {
        Some(profile) => index(b'c', &[profile.0.as_bytes()]),
        None => index(b'c', &[]),
    }
}

pub fn lookup(text: &str) -> KeyBytes {
    index(b'k', &[text.as_bytes()])
}

pub fn credentials_id(id: CredentialsId) -> KeyBytes {
    index(b'i', &[id.0.as_bytes()])
}

pub fn rpc_owner(id: RpcId) -> KeyBytes {
    index(b'r', &[id.0.as_bytes()])
}

pub fn due(expires: Millis, id: RpcId) -> KeyBytes {
    index(b'x', &[&time(expires), id.0.as_bytes()])
}

/// Exclusive end of the pending RPCs that are due at `now`, and the start of them all.
pub fn due_until(now: Millis) -> (KeyBytes, KeyBytes) {
    let end = match now.checked_add(1) {
        Some(after) => index(b'x', &[&time(after)]),
        None => vec![INDEX, b'x' + 1],
    };
    (index(b'x', &[]), end)
}

pub fn chunk(key: &[u8], number: u32) -> KeyBytes {
    join(&[&[CHUNK], key, &number.to_be_bytes()])
}

/// The id that a key ends with.
pub fn trailing_id(key: &[u8]) -> Option<uuid::Uuid> {
    key.last_chunk::<16>()
        .map(|bytes| uuid::Uuid::from_bytes(*bytes))
}
