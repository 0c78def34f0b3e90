//! The Merkle tree of RFC 6962 §2.1 (RFC 9162 §2.1): roots, and proofs that a leaf is in a tree
//! and that a later tree continues an earlier one.
//!
//! Hashes only; what a leaf means is `leaf.rs`, how nodes are stored is `tile.rs` and the journal.
//! A tree of a given size does not bind that size into its root: the signed checkpoint does.

use crate::message::Digest;

/// The hash of a leaf: SHA-256(0x00 ‖ bytes).
pub fn leaf_hash(bytes: &[u8]) -> Digest {
    Digest::of(&[&[0x00], bytes])
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).
pub fn node_hash(left: Digest, right: Digest) -> Digest {
    Digest::of(&[&[0x01], &left.0, &right.0])
}

/// The right edge of a tree: all that is needed to append to it and to know its root.
///
/// Holds the roots of the complete subtrees, one for every bit set in the size, so at most 64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    /// From the largest subtree, on the left, to the smallest.
    roots: Vec<Digest>,
}

impl Frontier {
    /// Appends the hash of a leaf (see [`leaf_hash`]).
    pub fn append(&mut self, leaf: Digest) {
        let mut hash = leaf;
        // Each subtree as large as the one just completed is its left half.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                hash = node_hash(left, hash);
            }
        }
        self.roots.push(hash);
        self.size += 1;
    }

    /// How many leaves were appended.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root; of the empty tree it is SHA-256 of nothing.
    pub fn root(&self) -> Digest {
        let root = self.roots.iter().rev().copied().reduce(|right, left| node_hash(left, right));
        root.unwrap_or_else(empty_root)
    }

    /// The size (8 bytes, big-endian) and the hashes, 32 bytes each.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.size.to_be_bytes().to_vec();
        self.roots.iter().for_each(|root| out.extend_from_slice(&root.0));
        out
    }

    /// Reads what [`Frontier::to_bytes`] wrote; `None` for anything of another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (size, hashes) = bytes.split_first_chunk()?;
        let size = u64::from_be_bytes(*size);
        let (hashes, rest) = hashes.as_chunks::<32>();
        let roots: Vec<Digest> = hashes.iter().copied().map(Digest).collect();
        let fits = rest.is_empty() && u32::try_from(roots.len()) == Ok(size.count_ones());
        fits.then_some(Self { size, roots })
    }
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    #[error("there is no leaf or tree {at} in a tree of {size}")]
    OutOfRange { at: u64, size: u64 },
    /// The caller's lookup does not know a node that a tree of this size has.
    #[error("the node at level {level}, index {index} is missing")]
    Missing { level: u8, index: u64 },
}

/// The path from leaf `index` to the root of the tree of `size` leaves (RFC 9162 §2.1.3.1).
///
/// `node(level, index)` looks up the root of the complete subtree over the leaves
/// `index << level` up to `(index + 1) << level`; level 0 is the hash of a leaf. It is asked
/// for no node that reaches beyond `size`, and for about 2 log₂ `size` of them at most.
pub fn inclusion_proof(
    index: u64,
    size: u64,
    mut node: impl FnMut(u8, u64) -> Option<Digest>,
) -> Result<Vec<Digest>, TreeError> {
    if index >= size {
        return Err(TreeError::OutOfRange { at: index, size });
    }
    let (mut begin, mut end) = (0, size);
    let mut path = Vec::new();
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            path.push(root_of(middle, end, &mut node)?);
            end = middle;
        } else {
            path.push(root_of(begin, middle, &mut node)?);
            begin = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `new_size` leaves starts with the tree of `old_size`
/// (RFC 9162 §2.1.4.1); empty where the old one is empty or the same. `node` as for
/// [`inclusion_proof`].
pub fn consistency_proof(
    old_size: u64,
    new_size: u64,
    mut node: impl FnMut(u8, u64) -> Option<Digest>,
) -> Result<Vec<Digest>, TreeError> {
    if old_size > new_size {
        return Err(TreeError::OutOfRange { at: old_size, size: new_size });
    }
    let mut path = Vec::new();
    if old_size == 0 || old_size == new_size {
        return Ok(path);
    }
    let (mut begin, mut end) = (0, new_size);
    // Down to the subtree that is the right edge of the old tree. Where that edge is the whole
    // old tree, the verifier has its hash already.
    while end != old_size {
        let middle = begin + split(end - begin);
        if old_size <= middle {
            path.push(root_of(middle, end, &mut node)?);
            end = middle;
        } else {
            path.push(root_of(begin, middle, &mut node)?);
            begin = middle;
        }
    }
    if begin != 0 {
        path.push(root_of(begin, end, &mut node)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether `path` leads from the hash `leaf` at `index` to `root` (RFC 9162 §2.1.3.2).
pub fn verify_inclusion(
    leaf: Digest,
    index: u64,
    size: u64,
    path: &[Digest],
    root: Digest,
) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut hash = leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(*sibling, hash);
            climb_to_right_child(&mut at, &mut last);
        } else {
            hash = node_hash(hash, *sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

/// Whether the tree with `new_root` starts with the tree with `old_root` (RFC 9162 §2.1.4.2).
/// The empty tree, which the RFC leaves out, is the start of every tree, with an empty path.
pub fn verify_consistency(
    old_size: u64,
    new_size: u64,
    path: &[Digest],
    old_root: Digest,
    new_root: Digest,
) -> bool {
    if old_size == 0 || old_size >= new_size {
        let same = old_size == new_size && old_root == new_root;
        let from_nothing = old_size == 0 && new_size > 0;
        let holds = same || from_nothing;
        return holds && path.is_empty() && (old_size != 0 || old_root == empty_root());
    }
    // A complete old tree is a node of the new one, and its hash is left out of the path.
    let whole = old_size.is_power_of_two().then_some(old_root);
    let mut hashes = whole.into_iter().chain(path.iter().copied());
    let Some(start) = hashes.next() else { return false };
    let (mut at, mut last) = (old_size - 1, new_size - 1);
    let shift = at.trailing_ones();
    at >>= shift;
    last >>= shift;
    let (mut old, mut new) = (start, start);
    for sibling in hashes {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            old = node_hash(sibling, old);
            new = node_hash(sibling, new);
            climb_to_right_child(&mut at, &mut last);
        } else {
            new = node_hash(new, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && old == old_root && new == new_root
}

fn empty_root() -> Digest {
    Digest::of(&[])
}

/// On the right edge, levels where the node has no sibling are skipped.
fn climb_to_right_child(at: &mut u64, last: &mut u64) {
    while *at & 1 == 0 && *at != 0 {
        *at >>= 1;
        *last >>= 1;
    }
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The root over the leaves from `begin` to `end`, a subtree of some tree.
fn root_of(
    begin: u64,
    end: u64,
    node: &mut impl FnMut(u8, u64) -> Option<Digest>,
) -> Result<Digest, TreeError> {
    let count = end - begin;
    if count.is_power_of_two() {
        let level = u8::try_from(count.trailing_zeros()).unwrap_or(u8::MAX); // at most 63
        let index = begin >> level;
        return node(level, index).ok_or(TreeError::Missing { level, index });
    }
    let middle = begin + split(count);
    let left = root_of(begin, middle, node)?;
    Ok(node_hash(left, root_of(middle, end, node)?))
}

#[cfg(test)]
#[path = "tree_tests.rs"]
pub(super) mod tests;
