//! Evidence that cannot be rewritten unnoticed, and the sealing of what is stored.
//!
//! Each thing that the hub did is a [`Leaf`] in an RFC 6962 Merkle [tree](Frontier), whose newest
//! root the hub signs in a [`Checkpoint`]. A leaf holds no payload: it commits to it with a salt
//! that only the partner concerned gets, in its [`Receipt`] or parcel. A [`Proof`] ties the two
//! together and is checked without the hub.
//!
//! Payloads are sealed with a [`DataKey`] per message, wrapped by the key of its case, wrapped by
//! the [`HubKeys`]. Destroying the case's key destroys the content; leaves and proofs stay valid.
//!
//! What must outlive the journal is here too: the manifest of a backup, the list of erasures, and
//! how a journal that came back [compares](Held::compare) with what was signed before.
//!
//! Pure: nonces, salts, keys and times are arguments. Reading and writing the key file, storing
//! leaves and tiles, and choosing when to sign are left to `journal` and `hub`.

mod checkpoint;
mod erased;
mod gather;
mod keys;
mod leaf;
pub mod manifest;
mod note;
mod proof;
mod receipt;
mod role;
mod seal;
mod series;
mod tile;
mod tree;
mod wire;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use erased::{ErasedCase, parse_erasures};
pub use gather::notes_in;
pub use keys::{HubKeys, KeyFileError, WrappedKey};
pub use leaf::{Leaf, LeafError, LeafKind, commitment};
pub use note::{BadVerifierKey, NoteError, parse_verifier_key, verifier_key};
pub use proof::{Content, Proof, ProofError, ProofReport};
pub use receipt::{Receipt, verify_receipt};
pub use role::{RoleError, sign_role, verify_role};
pub use seal::{DataKey, NONCE_BYTES, OpenError};
pub use series::{Comparison, Head, Held, Restart, Verdict};
pub use tile::{TILE_WIDTH, Tile, TilePlace};
pub use tree::{
    Frontier, TreeError, consistency_proof, inclusion_proof, leaf_hash, node_hash,
    verify_consistency, verify_inclusion,
};
