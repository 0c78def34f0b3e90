//! The tree against the known vectors, and against a naive tree for every small size.

use super::*;

/// Up to this size everything is tried.
const SIZES: u64 = 70;

/// The definition of RFC 6962 §2.1, written down as it stands there.
pub(in crate::evidence) struct Naive(Vec<Digest>);

impl Naive {
    pub(in crate::evidence) fn new(leaves: impl Iterator<Item = Digest>) -> Self {
        Self(leaves.collect())
    }

    pub(in crate::evidence) fn root(&self, size: usize) -> Digest {
        Self::hash(&self.0[..size])
    }

    pub(in crate::evidence) fn node(&self, level: u8, index: u64) -> Option<Digest> {
        let (width, index) = (1_usize << level, usize::try_from(index).ok()?);
        self.0.get(index * width..(index + 1) * width).map(Self::hash)
    }

    fn hash(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(&[]),
            [only] => *only,
            more => {
                let mut half = 1;
                while half * 2 < more.len() {
                    half *= 2;
                }
                node_hash(Self::hash(&more[..half]), Self::hash(&more[half..]))
            }
        }
    }
}

fn digest(hex: &str) -> Digest {
    Digest::from_hex(hex).unwrap()
}

/// The leaves of the Certificate Transparency reference implementation.
fn known() -> Naive {
    let leaves: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    Naive::new(leaves.into_iter().map(leaf_hash))
}

const KNOWN_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Distinct leaves, and their roots by size.
fn tree() -> (Naive, Vec<Digest>) {
    let naive = Naive::new((0..SIZES).map(|at| leaf_hash(&at.to_be_bytes())));
    let roots = (0..=naive.0.len()).map(|size| naive.root(size)).collect();
    (naive, roots)
}

fn at(index: u64) -> usize {
    usize::try_from(index).unwrap()
}

#[test]
fn the_roots_are_those_of_the_reference_implementation() {
    let mut frontier = Frontier::default();
    assert_eq!(frontier.root(), digest(KNOWN_ROOTS[0]));
    for (leaf, root) in known().0.into_iter().zip(&KNOWN_ROOTS[1..]) {
        frontier.append(leaf);
        assert_eq!(frontier.root(), digest(root));
    }
    assert_eq!(frontier.size(), 8);
}

#[test]
fn the_proofs_are_those_of_the_reference_implementation() {
    let known = known();
    let path = inclusion_proof(0, 8, |level, index| known.node(level, index)).unwrap();
    let expected = [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ];
    assert_eq!(path, expected.map(digest));

    let path = consistency_proof(6, 8, |level, index| known.node(level, index)).unwrap();
    let expected = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(path, expected.map(digest));
}

#[test]
fn a_frontier_has_the_root_of_the_whole_tree_and_reads_back() {
    let (naive, roots) = tree();
    let mut frontier = Frontier::default();
    for (size, root) in roots.iter().enumerate() {
        assert_eq!(frontier.root(), *root, "{size}");
        let bytes = frontier.to_bytes();
        assert_eq!(bytes.len(), 8 + 32 * at(u64::from(size.count_ones())));
        assert_eq!(Frontier::from_bytes(&bytes), Some(frontier.clone()));
        assert_eq!(Frontier::from_bytes(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Frontier::from_bytes(&[bytes.as_slice(), &[0; 32]].concat()), None);
        naive.0.get(size).into_iter().for_each(|leaf| frontier.append(*leaf));
    }
}

#[test]
fn every_leaf_is_proven_in_every_tree() {
    let (naive, roots) = tree();
    for size in 1..=SIZES {
        for index in 0..size {
            let path = inclusion_proof(index, size, |l, i| naive.node(l, i)).unwrap();
            let (leaf, root) = (naive.0[at(index)], roots[at(size)]);
            assert!(verify_inclusion(leaf, index, size, &path, root), "{index} in {size}");
        }
    }
}

#[test]
fn no_changed_proof_of_a_leaf_holds() {
    let (naive, roots) = tree();
    for size in 1..=SIZES {
        for index in 0..size {
            let path = inclusion_proof(index, size, |l, i| naive.node(l, i)).unwrap();
            let (leaf, root) = (naive.0[at(index)], roots[at(size)]);
            let holds = |leaf, index, path: &[Digest], root| {
                verify_inclusion(leaf, index, size, path, root)
            };
            for wrong in broken(&path) {
                assert!(!holds(leaf, index, &wrong, root), "{index} in {size}");
            }
            assert!(!holds(flipped(leaf), index, &path, root));
            assert!(!holds(leaf, index, &path, flipped(root)));
            assert!(!holds(leaf, size, &path, root));
            for other in (0..size).filter(|other| *other != index) {
                assert!(!holds(leaf, other, &path, root), "{index} as {other} in {size}");
            }
        }
    }
}

#[test]
fn every_tree_continues_every_earlier_one() {
    let (naive, roots) = tree();
    for new in 0..=SIZES {
        for old in 0..=new {
            let path = consistency_proof(old, new, |l, i| naive.node(l, i)).unwrap();
            let (before, after) = (roots[at(old)], roots[at(new)]);
            assert!(verify_consistency(old, new, &path, before, after), "{old} to {new}");
        }
    }
}

#[test]
fn no_changed_proof_of_growth_holds() {
    let (naive, roots) = tree();
    for new in 0..=SIZES {
        for old in 0..=new {
            let path = consistency_proof(old, new, |l, i| naive.node(l, i)).unwrap();
            let (before, after) = (roots[at(old)], roots[at(new)]);
            for wrong in broken(&path) {
                assert!(!verify_consistency(old, new, &wrong, before, after), "{old} to {new}");
            }
            assert!(!verify_consistency(old, new, &path, flipped(before), after));
            // Nothing at all is the start of every tree, whatever its root.
            assert_eq!(verify_consistency(old, new, &path, before, flipped(after)), {
                old == 0 && new > 0
            });
            assert!(old == new || !verify_consistency(new, old, &path, after, before));
        }
    }
}

/// A hub that rewrites one leaf cannot prove that the new tree continues the old one.
#[test]
fn a_rewritten_history_has_no_proof() {
    let (honest, roots) = tree();
    for rewritten in 0..30 {
        let mut leaves = honest.0.clone();
        leaves[rewritten] = flipped(leaves[rewritten]);
        let lie = Naive(leaves);
        let (old, new) = (30, SIZES);
        let path = consistency_proof(old, new, |l, i| lie.node(l, i)).unwrap();
        assert!(!verify_consistency(old, new, &path, roots[30], lie.root(at(new))));
    }
}

#[test]
fn what_does_not_exist_or_is_not_found_is_an_error() {
    let (naive, _) = tree();
    let error = inclusion_proof(5, 5, |l, i| naive.node(l, i)).unwrap_err();
    assert_eq!(error, TreeError::OutOfRange { at: 5, size: 5 });
    let error = consistency_proof(6, 5, |l, i| naive.node(l, i)).unwrap_err();
    assert_eq!(error, TreeError::OutOfRange { at: 6, size: 5 });
    let error = inclusion_proof(0, 8, |_, _| None).unwrap_err();
    assert_eq!(error, TreeError::Missing { level: 2, index: 1 });
    let error = consistency_proof(3, 4, |_, _| None).unwrap_err();
    assert_eq!(error, TreeError::Missing { level: 1, index: 0 });
}

/// The closure is asked for stored nodes only, and for few of them.
#[test]
fn a_proof_in_a_huge_tree_asks_for_few_nodes() {
    let size = u64::MAX - 12;
    for index in [0, 1, size / 2, size - 1] {
        let mut asked = 0;
        let path = inclusion_proof(index, size, |level, index| {
            asked += 1;
            assert!((index + 1).checked_mul(1_u64 << level).is_some_and(|end| end <= size));
            Some(Digest([level; 32]))
        });
        assert!(path.unwrap().len() <= 64);
        assert!(asked <= 128, "{asked}");
    }
}

fn flipped(digest: Digest) -> Digest {
    let Digest(mut bytes) = digest;
    bytes[31] ^= 1;
    Digest(bytes)
}

/// Every way to change one hash, leave one out or add one.
fn broken(path: &[Digest]) -> Vec<Vec<Digest>> {
    let mut out = vec![[path, &[Digest([0; 32])]].concat()];
    for at in 0..path.len() {
        let mut changed = path.to_vec();
        changed[at] = flipped(changed[at]);
        out.push(changed);
        let mut shorter = path.to_vec();
        shorter.remove(at);
        out.push(shorter);
    }
    out
}
