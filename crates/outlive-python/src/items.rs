//! Dictionaries that Python hands over, as structures.
//!
//! pyo3 derives this, too, and keeps each key as a Python string from its first use on. That it makes with
//! the interpreter let go of for a moment: whoever forks in that moment has a child that waits for ever
//! when it uses the same key. Here a key is made anew each time, which is nothing beside a start.

use pyo3::prelude::*;

/// A structure, and how it is had from a dictionary that has all of its fields as keys.
macro_rules! from_items {
    (
        $(#[$about:meta])*
        $sight:vis struct $name:ident {
            $($(#[$field_about:meta])* $field:ident: $kind:ty,)*
        }
    ) => {
        $(#[$about])*
        $sight struct $name {
            $($(#[$field_about])* $field: $kind,)*
        }

        impl<'py> ::pyo3::FromPyObject<'_, 'py> for $name {
            type Error = ::pyo3::PyErr;

            fn extract(
                given: ::pyo3::Borrowed<'_, 'py, ::pyo3::PyAny>,
            ) -> ::pyo3::PyResult<Self> {
                Ok($name {
                    $($field: $crate::items::item(&given, stringify!($field))?,)*
                })
            }
        }
    };
}
pub(crate) use from_items;

/// The value of a key.
pub(crate) fn item<'py, T: for<'a> FromPyObject<'a, 'py>>(
    given: &Bound<'py, PyAny>,
    key: &str,
) -> PyResult<T> {
    given.get_item(key)?.extract().map_err(Into::into)
}
