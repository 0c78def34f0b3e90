//! Neighbourhoods as shapes, from GeoJSON (RFC 7946): Polygons and MultiPolygons, each with the
//! CBS code of its neighbourhood.
//!
//! Coordinates are longitude and latitude, or Rijksdriehoek where the `crs` member of older GeoJSON
//! says so, which is what PDOK and GIS programs write. Nothing is simplified, and what is wrong is
//! said with the number of the feature; a file that is too large is refused, since it is drawn into
//! a page.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::{clean, place};
use crate::message::formats::is_buurtcode;

/// Files, features and points above this are a whole country, not a municipality.
pub const FILE_BYTES_MAX: usize = 8 * 1024 * 1024;
pub const FEATURES_MAX: usize = 1_000;
pub const POINTS_MAX: usize = 100_000;
/// What is said of one file at most; the rest is counted.
const FAULTS_MAX: usize = 20;

/// Where codes and names stand in what the CBS publishes: "Wijken en buurten", and
/// "Gebiedsindelingen".
const CODES: [&str; 2] = ["buurtcode", "statcode"];
const NAMES: [&str; 2] = ["buurtnaam", "statnaam"];

/// Mainland Netherlands with room around it, in degrees and in metres of Rijksdriehoek.
const DEGREES: [(f64, f64); 2] = [(3.0, 7.5), (50.5, 54.0)];
const METRES: [(f64, f64); 2] = [(-7_000.0, 300_000.0), (289_000.0, 629_000.0)];

/// The box that a map is drawn in.
pub(super) const WIDTH: f64 = 720.0;
const HEIGHT_MAX: f64 = 640.0;
/// Room for the lines at the edge.
const EDGE: f64 = 4.0;

pub(super) type Point = (f64, f64);

/// The neighbourhoods of a municipality, as they lie in the drawing: y goes down.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// By code.
    pub(super) areas: BTreeMap<String, Area>,
    pub(super) height: f64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Area {
    pub name: Option<String>,
    /// Outer and inner rings alike; what lies within an odd number of them is inside.
    pub rings: Vec<Vec<Point>>,
}

/// What is wrong with a file, and where; never what stands in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapFault {
    /// The number of the feature, from 1, and its code where it has a good one.
    feature: Option<(usize, Option<String>)>,
    text: String,
}

impl fmt::Display for MapFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.feature {
            Some((number, Some(code))) => write!(f, "feature {number} ({code}): {}", self.text),
            Some((number, None)) => write!(f, "feature {number}: {}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// How the coordinates of a file are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Degrees,
    Rijksdriehoek,
}

impl Map {
    /// Reads a file, with the name of the property that holds codes where it is not the CBS's.
    pub fn parse(bytes: &[u8], property: Option<&str>) -> Result<Self, Vec<MapFault>> {
        let whole = |text: &str| vec![MapFault { feature: None, text: text.to_owned() }];
        if bytes.len() > FILE_BYTES_MAX {
            let text = "het bestand is groter dan 8 MiB; neem alleen de buurten van de eigen \
                        gemeente, of een gegeneraliseerde versie";
            return Err(whole(text));
        }
        let json: Value = serde_json::from_slice(bytes)
            .map_err(|error| whole(&format!("geen JSON, vanaf regel {}", error.line())))?;
        let features = json.get("features").and_then(Value::as_array);
        let features = features.filter(|_| json.get("type") == Some(&"FeatureCollection".into()));
        let features = features.ok_or_else(|| whole("dit is geen FeatureCollection (RFC 7946)"))?;
        if features.is_empty() || features.len() > FEATURES_MAX {
            let text = format!(
                "het bestand heeft {} features; 1 tot {FEATURES_MAX} is wat een gemeente heeft",
                features.len()
            );
            return Err(whole(&text));
        }
        let system = system(&json).ok_or_else(|| {
            whole(
                "crs noemt een ander stelsel dan WGS84 (CRS84) of RD (EPSG:28992); zet het om met \
                 ogr2ogr -t_srs EPSG:4326",
            )
        })?;
        let mut reader = Reader { system, property, points: 0, areas: BTreeMap::new() };
        let mut faults = Vec::new();
        for (at, feature) in features.iter().enumerate() {
            if let Err(text) = reader.feature(feature) {
                let code = reader.code(feature).ok().map(str::to_owned);
                faults.push(MapFault { feature: Some((at + 1, code)), text });
            }
        }
        if reader.points > POINTS_MAX {
            let text = format!(
                "de grenzen hebben samen meer dan {POINTS_MAX} punten; neem een gegeneraliseerde \
                 versie"
            );
            return Err(whole(&text));
        }
        if faults.is_empty() { Ok(drawn(reader.areas, system)) } else { Err(shortened(faults)) }
    }

    /// The codes of the neighbourhoods that it shows.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.areas.keys().map(String::as_str)
    }
}

fn shortened(mut faults: Vec<MapFault>) -> Vec<MapFault> {
    let more = faults.len().saturating_sub(FAULTS_MAX);
    if more > 0 {
        faults.truncate(FAULTS_MAX);
        faults.push(MapFault { feature: None, text: format!("en nog {more} zoals deze") });
    }
    faults
}

/// The system that `crs` names, in any of the ways in which it is written; RFC 7946 has none.
fn system(json: &Value) -> Option<System> {
    let Some(crs) = json.get("crs") else { return Some(System::Degrees) };
    let name = crs.pointer("/properties/name").and_then(Value::as_str)?;
    // `urn:ogc:def:crs:EPSG::28992`, `EPSG:28992`, `http://www.opengis.net/def/crs/EPSG/0/28992`.
    match name.rsplit([':', '/']).next()? {
        "28992" => Some(System::Rijksdriehoek),
        // Written in the order of GeoJSON all the same; the bounds hold that.
        "CRS84" | "4326" | "4258" => Some(System::Degrees),
        _ => None,
    }
}

struct Reader<'a> {
    system: System,
    property: Option<&'a str>,
    points: usize,
    areas: BTreeMap<String, Area>,
}

impl Reader<'_> {
    /// Adds a feature. One with the code of another is a part of the same neighbourhood, as the CBS
    /// has of those with water.
    fn feature(&mut self, feature: &Value) -> Result<(), String> {
        let code = self.code(feature)?.to_owned();
        let geometry = feature.get("geometry");
        let kind = geometry.and_then(|geometry| geometry.get("type")).and_then(Value::as_str);
        let coordinates = geometry.and_then(|geometry| geometry.get("coordinates"));
        let polygons = match (kind, coordinates) {
            (Some("Polygon"), Some(one)) => std::slice::from_ref(one),
            (Some("MultiPolygon"), Some(Value::Array(many))) => many.as_slice(),
            _ => return Err("de vorm is geen Polygon of MultiPolygon".to_owned()),
        };
        let mut rings = Vec::new();
        for polygon in polygons {
            let found = polygon.as_array().filter(|rings| !rings.is_empty());
            for ring in found.ok_or("een vlak heeft geen grens")? {
                rings.push(self.ring(ring)?);
            }
        }
        if rings.is_empty() {
            return Err("een vlak heeft geen grens".to_owned());
        }
        let area = self.areas.entry(code).or_default();
        area.rings.extend(rings);
        let name = |property| feature.pointer(&format!("/properties/{property}"))?.as_str();
        area.name = NAMES.into_iter().find_map(name).map(clean).or_else(|| area.name.take());
        Ok(())
    }

    fn code<'v>(&self, feature: &'v Value) -> Result<&'v str, String> {
        let of = |property: &str| feature.get("properties")?.get(property)?.as_str();
        let found = match self.property {
            Some(property) => of(property),
            None => CODES.into_iter().find_map(of),
        };
        let Some(code) = found else {
            let names = self.property.map_or_else(|| CODES.join(" of "), str::to_owned);
            return Err(format!(
                "de eigenschap {names} met de code van de buurt ontbreekt; noem een andere met \
                 console.map_code"
            ));
        };
        if is_buurtcode(code) {
            Ok(code)
        } else {
            Err("de code is niet die van een buurt (BU en acht cijfers)".to_owned())
        }
    }

    fn ring(&mut self, ring: &Value) -> Result<Vec<Point>, String> {
        let points = ring.as_array().ok_or("een grens is geen lijst van punten")?;
        self.points += points.len();
        let mut read = Vec::with_capacity(points.len());
        for point in points {
            let part = |at| point.get(at).and_then(Value::as_f64);
            let (x, y) = part(0).zip(part(1)).ok_or("een punt is geen paar van getallen")?;
            self.is_near((x, y))?;
            read.push((x, y));
        }
        if read.len() < 4 || read.first() != read.last() {
            let text = "een grens is niet gesloten: zij heeft ten minste vier punten, en het \
                        laatste is het eerste";
            return Err(text.to_owned());
        }
        Ok(read)
    }

    /// Whether a point lies in the Netherlands; if not, what was probably meant.
    fn is_near(&self, (x, y): Point) -> Result<(), &'static str> {
        let within = |[across, along]: [(f64, f64); 2], x: f64, y: f64| {
            (across.0..=across.1).contains(&x) && (along.0..=along.1).contains(&y)
        };
        match self.system {
            System::Degrees if within(DEGREES, x, y) => Ok(()),
            System::Rijksdriehoek if within(METRES, x, y) => Ok(()),
            System::Degrees if within(METRES, x, y) => {
                Err("de coördinaten lijken Rijksdriehoek, en crs zegt dat niet: zet er \
                 \"crs\": {\"type\": \"name\", \"properties\": {\"name\": \"EPSG:28992\"}} bij")
            }
            System::Degrees if within(DEGREES, y, x) => {
                Err("de breedtegraad staat voorop; in GeoJSON is dat de lengtegraad")
            }
            _ => Err("een punt ligt buiten Nederland"),
        }
    }
}

/// The shapes as they lie in the drawing. At the size of a municipality a degree of longitude is as
/// long everywhere, so that shrinking it by the cosine of the latitude is enough.
fn drawn(mut areas: BTreeMap<String, Area>, system: System) -> Map {
    let points = || areas.values().flat_map(|area| area.rings.iter().flatten()).copied();
    let (low, high) = bounds(points());
    let shrink = match system {
        System::Degrees => f64::midpoint(low.1, high.1).to_radians().cos(),
        System::Rijksdriehoek => 1.0,
    };
    let (wide, tall) = ((high.0 - low.0) * shrink, high.1 - low.1);
    let room = |length: f64, box_length: f64| (box_length - 2.0 * EDGE) / length.max(f64::EPSILON);
    let scale = room(wide, WIDTH).min(room(tall, HEIGHT_MAX));
    let left = f64::midpoint(WIDTH, -wide * scale);
    for point in areas.values_mut().flat_map(|area| area.rings.iter_mut().flatten()) {
        point.0 = left + (point.0 - low.0) * shrink * scale;
        point.1 = EDGE + (high.1 - point.1) * scale;
    }
    Map { areas, height: (tall * scale + 2.0 * EDGE).ceil() }
}

pub(super) fn bounds(points: impl Iterator<Item = Point>) -> (Point, Point) {
    let none = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    points.fold(none, |(low, high), (x, y)| {
        ((low.0.min(x), low.1.min(y)), (high.0.max(x), high.1.max(y)))
    })
}

impl Area {
    /// Where a word of this many characters lies within the shape, in the middle of its widest
    /// stretch; nothing where there is no room for it.
    pub fn room_for(&self, characters: usize) -> Option<Point> {
        let (low, high) = bounds(self.rings.iter().flatten().copied());
        // Not only halfway: a shape may be narrow just there.
        let lines = [0.5, 0.4, 0.6, 0.3, 0.7].map(|part| low.1 + (high.1 - low.1) * part);
        let found = lines.into_iter().filter_map(|y| self.widest(y).map(|(x, wide)| (x, y, wide)));
        let mut best: Option<(f64, f64, f64)> = None;
        for (x, y, wide) in found {
            if best.is_none_or(|(.., so_far)| wide > so_far * 1.2) {
                best = Some((x, y, wide));
            }
        }
        let (x, y, wide) = best?;
        (wide >= 8.0 + 8.0 * place(characters) && high.1 - low.1 >= 18.0).then_some((x, y))
    }

    /// The middle and the length of the widest stretch inside the shape at a height.
    fn widest(&self, y: f64) -> Option<Point> {
        let mut crossed: Vec<f64> = Vec::new();
        for ring in &self.rings {
            for (from, to) in ring.iter().zip(ring.iter().skip(1)) {
                if (from.1 <= y) != (to.1 <= y) {
                    crossed.push(from.0 + (y - from.1) / (to.1 - from.1) * (to.0 - from.0));
                }
            }
        }
        crossed.sort_by(f64::total_cmp);
        let stretches = crossed.chunks_exact(2).filter_map(|pair| match pair {
            [from, to] => Some((f64::midpoint(*from, *to), to - from)),
            _ => None,
        });
        stretches.max_by(|one, other| one.1.total_cmp(&other.1))
    }
}
