//! What the signature of a task may be.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Error, FnArg, GenericParam, ItemFn, Meta, PatType, Result, Safety, Signature, spanned::Spanned};

use crate::{param::Errors, text::text};

/// Refuses what a task can't be, and says what to write instead.
pub(crate) fn check(function: &ItemFn, with_instances: bool) -> Result<()> {
    let signature = &function.sig;
    let mut errors = Errors::default();
    let mut refuse = |span: Span, text: &str| errors.push(Error::new(span, text));
    if let Some(default) = &function.modifiers.defaultness {
        refuse(default.span(), "a task is a free function");
    }
    if let Safety::Unsafe(word) = &signature.safety {
        refuse(
            word.span(),
            "workers call a task with whatever they are sent: make it safe, with an unsafe block in the body",
        );
    }
    if let Some(abi) = &signature.abi {
        refuse(abi.span(), "a task is a Rust function: leave `extern` out, or call the foreign function from the body");
    }
    if let Some(variadic) = &signature.variadic {
        refuse(variadic.span(), "a task has a fixed number of parameters: take a `Vec<T>` or `&[T]`");
    }
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(receiver) => refuse(
                receiver.span(),
                "a task is a free function, since a worker has no object to call it on: take the object as the first \
                 parameter, as in `fn area(shape: &Shape)`",
            ),
            FnArg::Typed(typed) => {
                if let Some(attribute) = typed.attrs.iter().find(|attribute| is_conditional(&attribute.meta)) {
                    refuse(attribute.span(), "a task's parameters can't be conditional: make the whole function so");
                }
            }
        }
    }
    check_generics(signature, with_instances, &mut refuse);
    errors.finish(())
}

fn check_generics(signature: &Signature, with_instances: bool, refuse: &mut impl FnMut(Span, &str)) {
    let mut generic = false;
    for param in &signature.generics.params {
        match param {
            GenericParam::Lifetime(lifetime) => {
                refuse(lifetime.span(), "a task's lifetimes are left out: write `&T` for `&'a T`");
                generic = true;
            }
            GenericParam::Const(param) => {
                refuse(param.span(), "a task has no const parameters: take the number as an argument");
                generic = true;
            }
            GenericParam::Type(param) => {
                if !with_instances && !generic {
                    refuse(
                        param.span(),
                        "workers find functions by name, so they must know for which types this one exists: list them, as \
                         in `#[task(instances(f32, f64))]`",
                    );
                }
                generic = true;
            }
        }
    }
    if let (Some(clause), false) = (&signature.generics.where_clause, generic) {
        refuse(clause.span(), "a `where` clause without type parameters says nothing of a task: leave it out");
    }
}

fn is_conditional(meta: &Meta) -> bool {
    meta.path().is_ident("cfg") || meta.path().is_ident("cfg_attr")
}

/// The parameters; [`check`] has refused `self`.
pub(crate) fn typed_inputs(signature: &Signature) -> impl Iterator<Item = &PatType> {
    signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    })
}

/// The signature as a part of the function's identity: the types as written.
pub(crate) fn identity_text(signature: &Signature) -> String {
    let types: Vec<_> = typed_inputs(signature).map(|typed| text(typed.ty.to_token_stream())).collect();
    let asyncness = if signature.asyncness.is_some() { "async " } else { "" };
    format!("{asyncness}({}){}", types.join(", "), text(signature.output.to_token_stream()))
}

#[cfg(test)]
mod tests {
    use syn::parse_quote;

    use super::*;

    fn refused(function: ItemFn, words: &str) {
        let text = check(&function, false).expect_err("it was refused").to_string();
        assert!(text.contains(words), "{text}");
    }

    #[test]
    fn what_a_task_can_not_be() {
        refused(
            parse_quote!(
                fn f(&self) {}
            ),
            "first parameter",
        );
        refused(
            parse_quote!(
                unsafe fn f() {}
            ),
            "make it safe",
        );
        refused(
            parse_quote!(
                extern "C" fn f() {}
            ),
            "leave `extern` out",
        );
        refused(
            parse_quote!(
                fn f<'a>(x: &'a str) {}
            ),
            "lifetimes are left out",
        );
        refused(
            parse_quote!(
                fn f<T>(x: T) {}
            ),
            "instances(f32, f64)",
        );
        refused(
            parse_quote!(
                fn f<const N: usize>() {}
            ),
            "as an argument",
        );
        refused(
            parse_quote!(
                fn f()
                where
                    u8: Copy,
                {
                }
            ),
            "leave it out",
        );
        refused(
            parse_quote!(
                fn f(#[cfg(a)] x: u8) {}
            ),
            "conditional",
        );
    }

    #[test]
    fn the_identity_has_the_types_and_not_the_names() {
        let function: ItemFn = parse_quote!(
            async fn f(mut x: &[i64], _: u8) -> Result<u8, E> {}
        );
        assert_eq!(identity_text(&function.sig), "async (&[i64], u8) -> Result<u8, E>");
    }
}
