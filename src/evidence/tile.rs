//! Tiles: the stored hashes of the tree, 256 at a time (C2SP tlog-tiles).
//!
//! Tile `(level, index)` holds the nodes at tree level `8 * level`, starting at `256 * index`.
//! The nodes between two stored levels are hashed again from a tile. How tiles are stored is
//! left to the journal.

use super::tree::node_hash;
use crate::message::Digest;

/// How many hashes a full tile has.
pub const TILE_WIDTH: usize = 256;

/// How many levels of the tree one tile spans.
const TILE_HEIGHT: u8 = 8;

/// Where a node of the tree is found: the tile, and the place inside it for [`Tile::node`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilePlace {
    /// The level of the tile: 0 holds leaf hashes, 1 the roots of full tiles of level 0.
    pub tile_level: u8,
    pub tile_index: u64,
    /// Level and index of the node inside the tile.
    pub level: u8,
    pub index: u64,
}

impl TilePlace {
    /// The place of the complete subtree that covers leaves `index << level` and on.
    pub const fn of(level: u8, index: u64) -> Self {
        let inner = level % TILE_HEIGHT;
        let width = TILE_HEIGHT - inner;
        Self {
            tile_level: level / TILE_HEIGHT,
            tile_index: index >> width,
            level: inner,
            index: index & ((1 << width) - 1),
        }
    }
}

/// The hashes of one tile: at most 256, fewer on the right edge of the tree.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tile {
    hashes: Vec<Digest>,
}

impl Tile {
    /// `None` for more than 256 hashes.
    pub fn new(hashes: Vec<Digest>) -> Option<Self> {
        (hashes.len() <= TILE_WIDTH).then_some(Self { hashes })
    }

    /// The stored form: 32 bytes a hash.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (hashes, rest) = bytes.as_chunks::<32>();
        let tile = Self::new(hashes.iter().copied().map(Digest).collect())?;
        rest.is_empty().then_some(tile)
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        self.hashes.iter().flat_map(|hash| hash.0).collect()
    }

    pub fn hashes(&self) -> &[Digest] {
        &self.hashes
    }

    pub fn is_full(&self) -> bool {
        self.hashes.len() == TILE_WIDTH
    }

    /// Adds a hash; gives it back where the tile is full.
    pub fn push(&mut self, hash: Digest) -> Result<(), Digest> {
        if self.is_full() {
            return Err(hash);
        }
        self.hashes.push(hash);
        Ok(())
    }

    /// The node at `level` (0 to 8) and `index` inside this tile; `None` where the tile does not
    /// hold all hashes under it.
    pub fn node(&self, level: u8, index: u64) -> Option<Digest> {
        if level > TILE_HEIGHT {
            return None;
        }
        let width = 1_usize << level;
        let start = usize::try_from(index).ok()?.checked_mul(width)?;
        self.hashes.get(start..start.checked_add(width)?).and_then(complete_root)
    }

    /// The root of a full tile: one hash of the tile above it.
    pub fn root(&self) -> Option<Digest> {
        self.node(TILE_HEIGHT, 0)
    }
}

/// The root over a power of two of hashes.
fn complete_root(hashes: &[Digest]) -> Option<Digest> {
    if let [only] = hashes {
        return Some(*only);
    }
    let (left, right) = hashes.split_at_checked(hashes.len() / 2).filter(|(l, _)| !l.is_empty())?;
    Some(node_hash(complete_root(left)?, complete_root(right)?))
}

#[cfg(test)]
mod tests {
    use super::super::tree::{Frontier, inclusion_proof, leaf_hash, verify_inclusion};
    use super::*;

    fn hashes(count: usize) -> Vec<Digest> {
        (0..count).map(|at| leaf_hash(&at.to_be_bytes())).collect()
    }

    #[test]
    fn the_place_of_a_node_is_that_of_tlog_tiles() {
        let place = |tile_level, tile_index, level, index| TilePlace {
            tile_level,
            tile_index,
            level,
            index,
        };
        assert_eq!(TilePlace::of(0, 0), place(0, 0, 0, 0));
        assert_eq!(TilePlace::of(0, 1000), place(0, 3, 0, 232));
        assert_eq!(TilePlace::of(7, 3), place(0, 1, 7, 1));
        assert_eq!(TilePlace::of(8, 257), place(1, 1, 0, 1));
        assert_eq!(TilePlace::of(9, 128), place(1, 1, 1, 0));
        assert_eq!(TilePlace::of(63, 1), place(7, 0, 7, 1));
    }

    #[test]
    fn a_full_tile_has_the_root_of_its_tree() {
        let mut frontier = Frontier::default();
        hashes(256).into_iter().for_each(|hash| frontier.append(hash));
        let tile = Tile::new(hashes(256)).unwrap();
        assert_eq!(tile.root(), Some(frontier.root()));
        assert_eq!(tile.node(9, 0), None);
        assert_eq!(tile.node(0, u64::MAX), None);
        assert_eq!(tile.node(8, 1), None);
    }

    #[test]
    fn a_partial_tile_has_only_the_nodes_it_can_have() {
        let tile = Tile::new(hashes(5)).unwrap();
        assert_eq!(tile.node(0, 4), Some(hashes(5)[4]));
        assert_eq!(tile.node(0, 5), None);
        assert_eq!(tile.node(1, 1), Some(node_hash(hashes(5)[2], hashes(5)[3])));
        assert_eq!(tile.node(1, 2), None);
        assert_eq!(tile.node(2, 1), None);
        assert_eq!(tile.root(), None);
    }

    #[test]
    fn a_tile_never_holds_more_than_its_width() {
        let mut tile = Tile::default();
        for hash in hashes(256) {
            assert!(!tile.is_full());
            tile.push(hash).unwrap();
        }
        assert_eq!(tile.push(Digest([0; 32])), Err(Digest([0; 32])));
        assert_eq!(Tile::new(hashes(257)), None);
        assert_eq!(Tile::from_bytes(&tile.to_bytes()), Some(tile.clone()));
        assert_eq!(Tile::from_bytes(&tile.to_bytes()[1..]), None);
        assert_eq!(tile.hashes(), hashes(256));
    }

    /// As the journal does it: three full tiles, a partial one, and the tile above them.
    #[test]
    fn proofs_come_out_of_tiles() {
        let all = hashes(900);
        let bottom: Vec<Tile> =
            all.chunks(256).map(|part| Tile::new(part.to_vec()).unwrap()).collect();
        let top = Tile::new(bottom.iter().filter_map(Tile::root).collect()).unwrap();
        assert_eq!(top.hashes().len(), 3);
        let node = |level, index| {
            let place = TilePlace::of(level, index);
            match place.tile_level {
                0 => bottom.get(usize::try_from(place.tile_index).ok()?)?,
                1 if place.tile_index == 0 => &top,
                _ => return None,
            }
            .node(place.level, place.index)
        };
        let mut frontier = Frontier::default();
        all.iter().for_each(|hash| frontier.append(*hash));
        for index in [0, 1, 255, 256, 511, 700, 767, 768, 898, 899] {
            let path = inclusion_proof(index, 900, node).unwrap();
            let leaf = all[usize::try_from(index).unwrap()];
            assert!(verify_inclusion(leaf, index, 900, &path, frontier.root()), "{index}");
        }
    }
}
