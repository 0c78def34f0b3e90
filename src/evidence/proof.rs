//! A proof that one exchange stands in the signed tree, checked offline by whoever holds it.
//!
//! It shows the leaf, the path from there to the root, and the checkpoint that the hub signed
//! (RFC 9162 §2.1.3; C2SP tlog-checkpoint). With the salt and the bytes it also shows that the
//! leaf is about those bytes. Its field names are those of the wire.

use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, CheckpointError};
use super::leaf::{Leaf, LeafError, commitment};
use super::{tree, wire};
use crate::message::Digest;

/// Everything that is needed beside the hub's public key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The leaf as it is stored and hashed.
    #[serde(with = "wire::base64")]
    pub blad: Vec<u8>,
    /// Its number, counted from 0.
    pub volgnummer: u64,
    /// How many leaves the tree of the checkpoint has.
    pub omvang: u64,
    /// The hashes beside the way from the leaf up to the root.
    #[serde(with = "wire::hex_list")]
    pub pad: Vec<Digest>,
    /// The signed checkpoint.
    pub controlepunt: String,
    /// The salt, for the partner whose exchange it is; without it the content stays unproven.
    #[serde(default, with = "wire::optional_salt", skip_serializing_if = "Option::is_none")]
    pub zout: Option<[u8; 32]>,
}

/// What a valid proof shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofReport {
    pub leaf: Leaf,
    pub index: u64,
    pub checkpoint: Checkpoint,
    pub content: Content,
}

/// What a proof says about the content of the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// The leaf commits to the bytes that were given.
    Proven,
    /// No bytes were given to compare.
    NotCompared,
}

/// Why a proof shows nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the checkpoint of the proof is not valid")]
    Checkpoint(#[from] CheckpointError),
    #[error("the proof is for a tree of {proof} leaves, its checkpoint for one of {checkpoint}")]
    Size { proof: u64, checkpoint: u64 },
    #[error("the leaf is not in the tree of the checkpoint")]
    NotIncluded,
    #[error("the leaf of the proof is not readable")]
    Leaf(#[from] LeafError),
    #[error("the proof has no salt, so it shows nothing about the content")]
    NoSalt,
    #[error("the leaf holds no commitment, so it shows nothing about the content")]
    NoCommitment,
    #[error("the leaf is about other content than was given")]
    OtherContent,
}

impl Proof {
    /// Checks the proof against the name and public key of the hub, and, where `bytes` are given,
    /// that the exchange was of exactly these bytes. Needs nothing of the hub itself.
    pub fn verify(
        &self,
        name: &str,
        public_key: &[u8; 32],
        bytes: Option<&[u8]>,
    ) -> Result<ProofReport, ProofError> {
        let checkpoint = Checkpoint::parse_and_verify(&self.controlepunt, name, public_key)?;
        // The root does not bind the size, the signature under the checkpoint does.
        if checkpoint.size != self.omvang {
            let (proof, checkpoint) = (self.omvang, checkpoint.size);
            return Err(ProofError::Size { proof, checkpoint });
        }
        let hash = tree::leaf_hash(&self.blad);
        let (index, size, root) = (self.volgnummer, checkpoint.size, checkpoint.root);
        if !tree::verify_inclusion(hash, index, size, &self.pad, root) {
            return Err(ProofError::NotIncluded);
        }
        let leaf = Leaf::decode(&self.blad)?;
        let content = match bytes {
            Some(bytes) => self.compare(&leaf, bytes)?,
            None => Content::NotCompared,
        };
        Ok(ProofReport { leaf, index, checkpoint, content })
    }

    fn compare(&self, leaf: &Leaf, bytes: &[u8]) -> Result<Content, ProofError> {
        let committed = leaf.commitment.ok_or(ProofError::NoCommitment)?;
        let salt = self.zout.ok_or(ProofError::NoSalt)?;
        if commitment(&salt, bytes) != committed {
            return Err(ProofError::OtherContent);
        }
        Ok(Content::Proven)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HubKeys, LeafKind, NoteError};
    use super::*;
    use crate::message::Timestamp;

    const NAME: &str = "schakel.example/eindhoven";
    const SALT: [u8; 32] = [8; 32];

    fn keys() -> HubKeys {
        HubKeys::generate(NAME, [1; 32], [2; 32], [3; 32])
    }

    fn leaf(number: u8) -> Leaf {
        Leaf {
            kind: LeafKind::Aangenomen,
            at: Timestamp::from_micros(i64::from(number)),
            subject: uuid::Uuid::from_bytes([number; 16]),
            partner: Some("politie".parse().unwrap()),
            catalogue: Digest([1; 32]),
            outcome: "aangenomen".to_owned(),
            ciphertext: None,
            commitment: (number != 0).then(|| commitment(&SALT, &[number])),
        }
    }

    /// A proof for one leaf of a tree of seven.
    fn proof(number: u8) -> Proof {
        let stored: Vec<Vec<u8>> = (0..7).map(|number| leaf(number).encode()).collect();
        let tree = tree::tests::Naive::new(stored.iter().map(|leaf| tree::leaf_hash(leaf)));
        let checkpoint =
            Checkpoint { origin: NAME.to_owned(), series: 1, size: 7, root: tree.root(7) };
        let volgnummer = u64::from(number);
        Proof {
            blad: stored[usize::from(number)].clone(),
            volgnummer,
            omvang: 7,
            pad: tree::inclusion_proof(volgnummer, 7, |l, i| tree.node(l, i)).unwrap(),
            controlepunt: checkpoint.sign(&keys()),
            zout: Some(SALT),
        }
    }

    fn verify(proof: &Proof, bytes: Option<&[u8]>) -> Result<ProofReport, ProofError> {
        proof.verify(NAME, &keys().public_key(), bytes)
    }

    #[test]
    fn a_partner_proves_its_exchange_with_nothing_but_the_public_key() {
        for number in 1..7 {
            let text = serde_json::to_string(&proof(number)).unwrap();
            let received: Proof = serde_json::from_str(&text).unwrap();
            let report = verify(&received, Some(&[number])).unwrap();
            assert_eq!(report.leaf, leaf(number));
            assert_eq!((report.index, report.content), (u64::from(number), Content::Proven));
            assert_eq!(report.checkpoint.size, 7);
        }
    }

    #[test]
    fn without_content_the_proof_still_shows_that_it_happened() {
        let bare = Proof { zout: None, ..proof(3) };
        assert_eq!(verify(&bare, None).unwrap().content, Content::NotCompared);
        assert_eq!(verify(&bare, Some(&[3])), Err(ProofError::NoSalt));
        assert!(!serde_json::to_string(&bare).unwrap().contains("zout"));
        let text = serde_json::to_string(&bare).unwrap();
        assert_eq!(serde_json::from_str::<Proof>(&text).unwrap(), bare);
    }

    #[test]
    fn other_content_is_noticed() {
        assert_eq!(verify(&proof(3), Some(&[4])), Err(ProofError::OtherContent));
        let salted = Proof { zout: Some([9; 32]), ..proof(3) };
        assert_eq!(verify(&salted, Some(&[3])), Err(ProofError::OtherContent));
        assert_eq!(verify(&proof(0), Some(&[0])), Err(ProofError::NoCommitment));
    }

    #[test]
    fn any_changed_part_breaks_the_proof() {
        let good = proof(3);
        let fails = |changed: Proof| verify(&changed, None).unwrap_err();
        for bit in 0..good.blad.len() * 8 {
            let mut changed = good.clone();
            changed.blad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(fails(changed), ProofError::NotIncluded);
        }
        for step in 0..good.pad.len() {
            let mut changed = good.clone();
            changed.pad[step].0[0] ^= 1;
            assert_eq!(fails(changed), ProofError::NotIncluded);
            let mut shorter = good.clone();
            shorter.pad.remove(step);
            assert_eq!(fails(shorter), ProofError::NotIncluded);
        }
        for volgnummer in [0, 1, 2, 4, 5, 6, 7, u64::MAX] {
            assert_eq!(fails(Proof { volgnummer, ..good.clone() }), ProofError::NotIncluded);
        }
        let size = fails(Proof { omvang: 8, ..good.clone() });
        assert_eq!(size, ProofError::Size { proof: 8, checkpoint: 7 });
        let controlepunt = good.controlepunt.replace("\n7\n", "\n8\n");
        let forged = ProofError::Checkpoint(CheckpointError::Note(NoteError::Forged));
        assert_eq!(fails(Proof { controlepunt, ..good }), forged);
    }

    #[test]
    fn the_proof_of_another_hub_is_not_ours() {
        let other = HubKeys::generate(NAME, [1; 32], [7; 32], [3; 32]);
        let error = proof(3).verify(NAME, &other.public_key(), None).unwrap_err();
        assert_eq!(error, ProofError::Checkpoint(CheckpointError::Note(NoteError::NotSigned)));
    }

    #[test]
    fn what_stands_in_the_tree_but_is_no_leaf_is_said_so() {
        let blad = b"geen blad".to_vec();
        let checkpoint = Checkpoint {
            origin: NAME.to_owned(),
            series: 1,
            size: 1,
            root: tree::leaf_hash(&blad),
        };
        let controlepunt = checkpoint.sign(&keys());
        let odd = Proof { blad, volgnummer: 0, omvang: 1, pad: vec![], controlepunt, zout: None };
        assert_eq!(verify(&odd, None), Err(ProofError::Leaf(LeafError::Version(b'g'))));
    }
}
