//! What a task returns: a value, or a `Result` whose `Err` fails the task.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{
    Error, GenericArgument, PathArguments, Result, ReturnType, Type, TypePath, parse_quote, parse_quote_spanned,
    spanned::Spanned,
};

use crate::{
    options::{Private, located},
    param::{Place, refuse_borrows},
};

/// A return type.
pub(crate) struct Output {
    /// As written; `()` if nothing is.
    pub(crate) declared: Type,
    /// The type of the value.
    pub(crate) value: Type,
    /// Whether it is a `Result`. Aliases count if they are called `Result`, as those of `std::io` and `anyhow` are.
    fallible: bool,
    /// Whether the error is a `&'static str`, say: no value, which the probe for values would not see, since the compiler
    /// looks for methods before it looks at lifetimes.
    borrowed_error: bool,
}

impl Output {
    /// The return type of a function whose name is at `span`.
    pub(crate) fn new(output: &ReturnType, private: &Private, span: Span) -> Result<Self> {
        let declared: Type = match output {
            ReturnType::Default => parse_quote_spanned!(located(span)=> ()),
            ReturnType::Type(_, declared) => (**declared).clone(),
        };
        if let Type::Never(never) = &declared {
            return Err(Error::new(never.span(), "a task that never returns has no result: return a value, or `()`"));
        }
        let result = result_arguments(&declared);
        let fallible = result.is_some();
        let (value, borrowed_error) = match result.as_deref() {
            None => (declared.clone(), false),
            Some([]) => (parse_quote!(<#declared as #private::Fallible>::Value), false),
            Some([value, rest @ ..]) => {
                ((*value).clone(), rest.iter().any(|error| refuse_borrows(error, Place::Result).is_err()))
            }
        };
        refuse_borrows(&value, Place::Result)?;
        Ok(Output { declared, value, fallible, borrowed_error })
    }

    /// Turns `outcome`, an expression of the declared type, into a `Result` of the value and a failure.
    pub(crate) fn outcome(&self, private: &Private, outcome: &TokenStream) -> TokenStream {
        let declared = &self.declared;
        let private = private.at(declared.span());
        if !self.fallible {
            return quote!(::core::result::Result::Ok(#outcome));
        }
        let keep = if self.borrowed_error {
            quote!(::core::option::Option::None)
        } else {
            quote!((&#private::Probe::<<#declared as #private::Fallible>::Error>::NEW).error_value_fn())
        };
        quote_spanned!(located(declared.span())=> #private::fallible(#outcome, #keep))
    }

    /// Statements that the compiler checks once: a `Result` by another name would be taken for a value.
    pub(crate) fn check(&self, private: &Private) -> TokenStream {
        let declared = &self.declared;
        if self.fallible || !may_be_alias(declared) {
            return TokenStream::new();
        }
        quote_spanned! {located(declared.span())=>
            const {
                ::core::assert!(
                    !#private::Shape::<#declared>::IS_RESULT,
                    "this type is a `Result` by another name, whose `Err` would not fail the task: write `Result<…>` here"
                );
            }
        }
    }

    /// Registers what can be done with values of the type, unless that is known of every program.
    ///
    /// Of a `Vec` or an `Option` also what is in it: a task that makes many of one is for collections, whose elements they then
    /// are.
    pub(crate) fn register(&self, private: &Private) -> TokenStream {
        let all = std::iter::once(&self.value).chain(element(&self.value)).filter(|value| !is_builtin(value));
        let entries = all.map(|value| {
            let private = private.at(value.span());
            quote_spanned! {located(value.span())=>
                #private::inventory::submit! { #private::TypeEntry(#private::type_def!(#value)) }
            }
        });
        quote!(#(#entries)*)
    }
}

/// For a path that ends in `Result`: its type arguments.
fn result_arguments(declared: &Type) -> Option<Vec<&Type>> {
    let declared = match declared {
        Type::Group(group) => &*group.elem,
        Type::Paren(paren) => &*paren.elem,
        other => other,
    };
    let Type::Path(TypePath { qself: None, path, .. }) = declared else { return None };
    let last = path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return Some(Vec::new()) };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(argument) => Some(argument),
        _ => None,
    });
    Some(types.collect())
}

/// What a `Vec` or an `Option` holds, if that is a value of its own.
fn element(value: &Type) -> Option<&Type> {
    let Type::Path(TypePath { qself: None, path, .. }) = value else { return None };
    let last = path.segments.last().filter(|last| last.ident == "Vec" || last.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(element)) if arguments.args.len() == 1 => Some(element),
        _ => None,
    }
}

/// Types by names that nobody gives to anything else. `brisk-client` registers them for all programs.
const BUILTIN: [&str; 15] =
    ["bool", "char", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "u8", "u16", "u32", "u64", "u128", "usize"];

fn is_builtin(value: &Type) -> bool {
    match value {
        Type::Tuple(tuple) => tuple.elems.is_empty(),
        Type::Path(TypePath { qself: None, path, .. }) => BUILTIN.iter().any(|name| path.is_ident(name)),
        _ => false,
    }
}

/// Whether a type could be an alias of a `Result`.
fn may_be_alias(declared: &Type) -> bool {
    const OTHERS: [&str; 6] = ["String", "Vec", "Option", "Box", "HashMap", "BTreeMap"];
    match declared {
        Type::Path(TypePath { qself: None, path, .. }) => {
            let plain = path.segments.last().is_some_and(|last| OTHERS.iter().any(|name| last.ident == name));
            !plain && !is_builtin(declared)
        }
        Type::Path(_) | Type::Macro(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;

    use super::*;

    fn output(declared: ReturnType) -> Result<(String, bool)> {
        let output = Output::new(&declared, &Private::default(), Span::call_site())?;
        Ok((crate::text::text(output.value.to_token_stream()), output.fallible))
    }

    #[test]
    fn results_are_known_by_name() {
        assert_eq!(output(parse_quote!()).unwrap(), ("()".to_owned(), false));
        assert_eq!(output(parse_quote!(-> Vec<u8>)).unwrap(), ("Vec<u8>".to_owned(), false));
        assert_eq!(output(parse_quote!(-> Result<i64, E>)).unwrap(), ("i64".to_owned(), true));
        assert_eq!(output(parse_quote!(-> anyhow::Result<()>)).unwrap(), ("()".to_owned(), true));
        assert_eq!(
            output(parse_quote!(-> fmt::Result)).unwrap(),
            ("<fmt::Result as::brisk_client::__private::Fallible>::Value".to_owned(), true)
        );
    }

    #[test]
    fn an_error_may_be_static_and_a_value_may_not() {
        assert!(output(parse_quote!(-> Result<i64, &'static str>)).is_ok());
        assert!(output(parse_quote!(-> &str)).unwrap_err().to_string().contains("can't return a reference"));
        assert!(output(parse_quote!(-> Option<&str>)).is_err());
        assert!(output(parse_quote!(-> impl Iterator)).unwrap_err().to_string().contains("name the type"));
        assert!(output(parse_quote!(-> !)).is_err());
    }
}
