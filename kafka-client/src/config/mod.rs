//! Settings under Kafka's own names and defaults: typed, or from a properties text.
//!
//! A value is parsed once, into a type that holds nothing invalid from then on, and it is remembered whether the user
//! set it. What settings demand of each other is checked by `validate`, which whoever takes a config calls first.
//!
//! | file | has |
//! |---|---|
//! | `client.rs`, `producer.rs`, `consumer.rs` | the settings, one entry each |
//! | `keys.rs` | Kafka's other names: ignored with a reason, or refused with one |
//! | `properties.rs` | one text for all roles |
//! | `value.rs` | types of values |
//! | `error.rs` | what is wrong with a setting, as a person wants to read it |

mod client;
mod consumer;
mod error;
mod keys;
mod producer;
mod properties;
mod value;

pub use client::ClientConfig;
pub use consumer::ConsumerConfig;
pub use error::{ConfigError, ConfigWarning};
pub use producer::ProducerConfig;
pub use value::{Acks, AutoOffsetReset, GroupProtocol, IsolationLevel};

/// What every config can do, whatever its settings are; `settings!` implements it.
trait Settings: Default {
    /// Kafka's names of all settings, in the order of the code.
    const KEYS: &'static [&'static str];
    /// Whose settings they are.
    const ROLE: keys::Role;

    /// Takes a value as text; `None` if the setting is not one of these.
    fn assign(&mut self, key: &str, text: &str) -> Option<Result<(), ConfigError>>;

    /// Remembers what was ignored, and says so in the log.
    fn warn(&mut self, warning: ConfigWarning);

    /// Whether each value that was set is within its limits: the typed setters do not check.
    fn check_values(&self) -> Result<(), ConfigError>;
}

/// Turns one entry per setting into the field, its default, the setter, Kafka's name with its parser, and the docs.
///
/// An entry is `"kafka.name" field: Type = default`, then, if the type allows too much, `, in lowest..=highest`, and,
/// if the setter takes something handier than the type, `, given name: type => value`.
macro_rules! settings {
    (
        $(#[$meta:meta])*
        pub struct $Config:ident, role $role:ident {
            $(
                $(#[$doc:meta])*
                $key:literal $field:ident: $type:ty = $default:expr
                    $(, in $range:expr)?
                    $(, given $arg:ident: $given:ty => $convert:expr)?;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        pub struct $Config {
            $(pub(crate) $field: $type,)*
            given: std::collections::BTreeSet<&'static str>,
            warnings: Vec<$crate::config::ConfigWarning>,
        }

        impl Default for $Config {
            fn default() -> Self {
                Self {
                    $($field: $default,)*
                    given: std::collections::BTreeSet::new(),
                    warnings: Vec::new(),
                }
            }
        }

        impl $Config {
            $($crate::config::setter! {
                $(#[$doc])*
                #[doc = concat!(
                    "\n\nKey: `", $key, "`. Default: `", stringify!($default), "`."
                )]
                #[must_use]
                $key $field: $type $(, given $arg: $given => $convert)?
            })*

            /// Sets the setting of Kafka's name `key` from text.
            ///
            /// # Errors
            /// If the name is unknown or belongs to another role, or the value is not allowed.
            pub fn set(
                self,
                key: &str,
                value: &str,
            ) -> Result<Self, $crate::config::ConfigError> {
                $crate::config::properties::set(self, key, value)
            }

            /// The value of the setting of Kafka's name `key`, as text; `None` if it is not one of these.
            pub fn get(&self, key: &str) -> Option<String> {
                match key {
                    $($key => Some($crate::config::value::Value::show(&self.$field)),)*
                    _ => None,
                }
            }

            /// Whether the setting of Kafka's name `key` was set, be it to its default.
            pub fn is_set(&self, key: &str) -> bool {
                self.given.contains(key)
            }

            /// What was set and is ignored, and why. The log has it too.
            pub fn warnings(&self) -> &[$crate::config::ConfigWarning] {
                &self.warnings
            }
        }

        impl $crate::config::Settings for $Config {
            const KEYS: &'static [&'static str] = &[$($key),*];
            const ROLE: $crate::config::keys::Role = $crate::config::keys::Role::$role;

            fn assign(
                &mut self,
                key: &str,
                text: &str,
            ) -> Option<Result<(), $crate::config::ConfigError>> {
                match key {
                    $($key => Some(
                        $crate::config::value::parse($key, text, ($($range)?).into())
                            .map(|value| {
                                self.$field = value;
                                self.given.insert($key);
                            }),
                    ),)*
                    _ => None,
                }
            }

            fn warn(&mut self, warning: $crate::config::ConfigWarning) {
                tracing::warn!("{warning}");
                self.warnings.push(warning);
            }

            fn check_values(&self) -> Result<(), $crate::config::ConfigError> {
                $(if self.given.contains($key) {
                    $crate::config::value::check($key, &self.$field, ($($range)?).into())?;
                })*
                Ok(())
            }
        }
    };
}

/// The setter of one entry of `settings!`.
macro_rules! setter {
    ($(#[$meta:meta])* $key:literal $field:ident: $type:ty) => {
        $(#[$meta])*
        pub fn $field(mut self, $field: $type) -> Self {
            self.$field = $field;
            self.given.insert($key);
            self
        }
    };
    (
        $(#[$meta:meta])*
        $key:literal $field:ident: $type:ty, given $arg:ident: $given:ty => $convert:expr
    ) => {
        $(#[$meta])*
        pub fn $field(mut self, $arg: $given) -> Self {
            self.$field = $convert;
            self.given.insert($key);
            self
        }
    };
}

use {setter, settings};
