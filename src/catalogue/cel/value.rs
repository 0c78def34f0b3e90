//! JSON as CEL sees it: borrowed, and converted only where an expression looks.
//!
//! A field that is `null` counts as absent, so that `has(b.x)` says whether there is something.

use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{Container, Indexer, Iterable, Iterator as CelIterator, Sizer};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelNull, CelString, LIST_TYPE, MAP_TYPE, Type,
};
use cel::common::value::{CowVal, Val};
use serde_json::{Map, Value};

/// A JSON value as a CEL value that borrows it.
pub fn borrowed<'v>(value: &'v Value) -> Box<dyn Val + 'v> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(b) => Box::new(CelBool::from(*b)),
        Value::Number(n) => match n.as_i64() {
            Some(whole) => Box::new(CelInt::from(whole)),
            None => Box::new(CelDouble::from(n.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(items) => Box::new(JsonList { items, elements: OnceLock::new() }),
        Value::Object(fields) => Box::new(JsonMap { fields }),
    }
}

/// What an expression resulted in, as JSON; `None` where it is no scalar and no list of scalars.
pub fn to_json(value: &dyn Val) -> Option<Value> {
    if let Some(text) = value.downcast_ref::<CelString<'_>>() {
        return Some(Value::from(text.inner()));
    }
    if let Some(flag) = value.downcast_ref::<CelBool>() {
        return Some(Value::from(*flag.inner()));
    }
    if let Some(whole) = value.downcast_ref::<CelInt>() {
        return Some(Value::from(*whole.inner()));
    }
    if let Some(number) = value.downcast_ref::<CelDouble>() {
        return serde_json::Number::from_f64(*number.inner()).map(Value::Number);
    }
    if value.downcast_ref::<CelNull>().is_some() {
        return Some(Value::Null);
    }
    if value.get_type().name() != LIST_TYPE.name() {
        return None;
    }
    let list = value.as_iterable()?;
    let mut elements = list.iter();
    let mut out = Vec::new();
    while let Some(element) = elements.next() {
        out.push(to_json(element)?);
    }
    Some(Value::Array(out))
}

#[derive(Debug, Clone)]
struct JsonMap<'j> {
    fields: &'j Map<String, Value>,
}

impl JsonMap<'_> {
    fn key<'k>(key: &'k (dyn Val + '_)) -> Result<&'k str, ExecutionError> {
        key.downcast_ref::<CelString<'_>>().map(CelString::inner).ok_or_else(|| {
            ExecutionError::UnexpectedType {
                got: key.get_type().name().into(),
                want: "string".into(),
            }
        })
    }

    fn find(&self, key: &str) -> Option<&Value> {
        self.fields.get(key).filter(|value| !value.is_null())
    }
}

impl Val for JsonMap<'_> {
    fn get_type(&self) -> &Type {
        &MAP_TYPE
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }
}

impl Indexer for JsonMap<'_> {
    fn get<'b, 'v>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = Self::key(key)?;
        let found = self.fields.get(name).filter(|value| !value.is_null());
        found.map(|v| CowVal::Owned(borrowed(v))).ok_or_else(|| ExecutionError::no_such_key(name))
    }

    fn steal<'v>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        let name = Self::key(key)?;
        let found = self.fields.get(name).filter(|value| !value.is_null());
        found.map(borrowed).ok_or_else(|| ExecutionError::no_such_key(name))
    }
}

impl Container for JsonMap<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.find(Self::key(value)?).is_some())
    }
}

impl Sizer for JsonMap<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.fields.len()).unwrap_or(i64::MAX))
    }
}

#[derive(Debug)]
struct JsonList<'j> {
    items: &'j [Value],
    /// The elements as CEL values, made when a comprehension first asks.
    elements: OnceLock<Vec<Box<dyn Val + 'j>>>,
}

impl<'j> JsonList<'j> {
    fn elements(&self) -> &[Box<dyn Val + 'j>] {
        self.elements.get_or_init(|| self.items.iter().map(borrowed).collect())
    }

    fn at(&self, index: &dyn Val) -> Result<&'j Value, ExecutionError> {
        let position = index.downcast_ref::<CelInt>().map(|i| *i.inner()).ok_or_else(|| {
            ExecutionError::UnexpectedType {
                got: index.get_type().name().into(),
                want: "int".into(),
            }
        })?;
        usize::try_from(position)
            .ok()
            .and_then(|at| self.items.get(at))
            .ok_or_else(|| ExecutionError::IndexOutOfBounds(cel::Value::Int(position)))
    }
}

impl Val for JsonList<'_> {
    fn get_type(&self) -> &Type {
        &LIST_TYPE
    }

    fn cel_type() -> &'static Type {
        &LIST_TYPE
    }

    fn as_indexer<'b, 'v>(&'b self) -> Option<&'b (dyn Indexer + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_iterable<'b, 'v>(&'b self) -> Option<&'b (dyn Iterable + 'v)>
    where
        Self: 'v,
    {
        Some(self)
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(JsonList { items: self.items, elements: OnceLock::new() })
    }
}

impl Indexer for JsonList<'_> {
    fn get<'b, 'v>(&'b self, index: &dyn Val) -> Result<CowVal<'b, 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.at(index).map(|value| CowVal::Owned(borrowed(value)))
    }

    fn steal<'v>(self: Box<Self>, index: &dyn Val) -> Result<Box<dyn Val + 'v>, ExecutionError>
    where
        Self: 'v,
    {
        self.at(index).map(borrowed)
    }
}

impl Iterable for JsonList<'_> {
    fn iter<'b, 'v>(&'b self) -> Box<dyn CelIterator<'b, 'v> + 'b>
    where
        Self: 'v,
    {
        let rest = self.elements().iter();
        Box::new(Elements::<'b, '_> { rest })
    }
}

struct Elements<'b, 'j> {
    rest: std::slice::Iter<'b, Box<dyn Val + 'j>>,
}

impl<'b, 'j: 'v, 'v> CelIterator<'b, 'v> for Elements<'b, 'j> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'v)> {
        self.rest.next().map(|element| &**element as &(dyn Val + 'j) as _)
    }
}

impl Container for JsonList<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.elements().iter().any(|element| element.equals(value)))
    }
}

impl Sizer for JsonList<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.items.len()).unwrap_or(i64::MAX))
    }
}
