//! What the hub itself tells a mapping (`h`), and what is left of canonical data for a recipient.

use super::shape::{Field, Shape};
use crate::message::MessageKind;

/// Fields that every recipient gets of a message of the kind that has them: without them a
/// message has no meaning. The reference is the case number unless a purpose gives the sender's.
pub const ALWAYS: [&str; 7] =
    ["kenmerk", "gebruik", "tijdstip", "actieverzoek", "reden", "status", "bericht"];

/// Fields that travel with an element once anything of that element does.
pub const WITH_ELEMENT: [(&str, &[&str]); 2] =
    [("betrokkenen", &["rol"]), ("verwijzingen", &["soort", "kenmerk"])];

/// Fields that steer the hub and are never passed on.
pub const NEVER: [&str; 2] = ["ontvangers", "herkomst"];

/// The kind of the partner that directs, and in whose name requests are made.
pub const MUNICIPALITY: &str = "gemeente";

/// The variable of an outbound mapping that holds what its recipient got before about the same
/// signal: the hub's own facts, like `h`, and never any of the message.
pub const EARLIER: &str = "eerder";

/// `eerder` of an outbound mapping: a list, the newest last.
pub fn earlier() -> Shape {
    Shape::Array(Box::new(object(&[("zending", None), ("opgesteld", None), ("bericht", None)])))
}

/// `h` of an inbound mapping.
pub fn inbound() -> Shape {
    object(&[("ontvangen", None), ("hub", Some(&["naam", "oin"])), ("afzender", PARTY)])
}

/// `h` of an outbound mapping and of a receipt.
pub fn outbound() -> Shape {
    object(&[
        ("zending", None),
        ("casus", None),
        ("opgesteld", None),
        ("bericht", None),
        ("hub", Some(&["naam", "oin"])),
        ("ontvanger", PARTY),
    ])
}

const PARTY: Option<&[&str]> = Some(&["naam", "oin", "id"]);

/// `b` of a receipt mapping.
pub fn answer() -> Shape {
    let receipt = Shape::Object(vec![
        field("id", true, Shape::String),
        field("tijdstip", true, Shape::String),
        field("status", true, Shape::String),
        field("bericht", false, Shape::String),
    ]);
    let violation = object(&[("plaats", None), ("code", None), ("nl", None), ("en", None)]);
    Shape::Object(vec![
        field("ontvangst", true, receipt),
        field("fout", false, object(&[("code", None), ("titel", None)])),
        field("fouten", true, Shape::Array(Box::new(violation))),
    ])
}

/// Canonical data as a recipient may see it: everything that a purpose can drop is optional.
pub fn minimised(shape: &Shape, kind: &MessageKind) -> Shape {
    let Shape::Object(fields) = shape else { return shape.clone() };
    let about_own_message = kind.name == "ontvangstbevestiging";
    Shape::Object(
        fields
            .iter()
            .map(|f| {
                let named = ALWAYS.contains(&f.name.as_str());
                let always = named && (f.required || about_own_message && f.name != "reden");
                let shape = droppable(&f.shape, &f.name);
                Field { required: always, shape, ..f.clone() }
            })
            .collect(),
    )
}

fn droppable(shape: &Shape, name: &str) -> Shape {
    let kept: &[&str] =
        WITH_ELEMENT.iter().find(|(list, _)| *list == name).map_or(&[], |(_, fields)| fields);
    match shape {
        Shape::Object(fields) => Shape::Object(
            fields
                .iter()
                .map(|f| Field {
                    required: kept.contains(&f.name.as_str()),
                    shape: droppable(&f.shape, &f.name),
                    ..f.clone()
                })
                .collect(),
        ),
        Shape::Array(items) => Shape::Array(Box::new(droppable(items, name))),
        scalar => scalar.clone(),
    }
}

fn object(fields: &[(&str, Option<&[&str]>)]) -> Shape {
    let fields = fields.iter().map(|(name, inner)| {
        let shape = inner.map_or(Shape::String, |names| {
            Shape::Object(names.iter().map(|n| field(n, true, Shape::String)).collect())
        });
        field(name, true, shape)
    });
    Shape::Object(fields.collect())
}

fn field(name: &str, required: bool, shape: Shape) -> Field {
    Field { name: name.to_owned(), required, shape, sensitive: None }
}
