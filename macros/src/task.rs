//! `#[task]`: a function that describes calls, its twin in the type namespace, and the definition that workers find.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::{Attribute, Ident, ItemFn, Result, parse2, spanned::Spanned};

use crate::{
    definition::{Definition, block, trampoline},
    instances::{self, Instances},
    options::{Private, TaskOptions, located},
    output::Output,
    param::{self, Param},
    signature,
};

/// Everything that the parts of an expansion need.
pub(crate) struct Task {
    pub(crate) options: TaskOptions,
    pub(crate) function: ItemFn,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Output,
}

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options = TaskOptions::parse(options)?;
    let function: ItemFn = match parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => return Err(not_a_function(&item, error)),
    };
    signature::check(&function, options.instances.is_some())?;
    let mut errors = param::Errors::default();
    let params = errors.ok(param::of_function(signature::typed_inputs(&function.sig)));
    let output = errors.ok(Output::new(&function.sig.output, &options.private, function.sig.ident.span()));
    let (Some(params), Some(output)) = (params, output) else { return errors.finish(TokenStream::new()) };
    let instances = Instances::parse(&options, &function.sig)?;
    let task = Task { options, function, params, output };

    let constructor = task.constructor(instances.as_ref());
    let twin = task.twin();
    let definitions = match &instances {
        None => task.definition(),
        Some(instances) => instances::definitions(&task, instances),
    };
    Ok(quote!(#constructor #twin #definitions))
}

/// Says what the attribute is for, unless the item is a function whose body does not parse.
fn not_a_function(item: &TokenStream, error: syn::Error) -> syn::Error {
    let is_function = item.clone().into_iter().any(|token| token.to_string() == "fn");
    if is_function {
        error
    } else {
        syn::Error::new(item.span(), "`#[task]` makes a task of a function: put it on a `fn`")
    }
}

impl Task {
    /// The function that describes a call.
    fn constructor(&self, instances: Option<&Instances>) -> TokenStream {
        let private = &self.options.private;
        let ItemFn { vis, sig, .. } = &self.function;
        let attributes = self.function.attrs.iter().filter(|attribute| is_for_callers(attribute));
        let (name, value) = (&sig.ident, &self.output.value);
        let parameters = self.params.iter().map(|Param { ident, stored, .. }| {
            let private = private.at(stored.span());
            quote_spanned!(located(stored.span())=> #ident: impl #private::Arg<#stored>)
        });
        let slots =
            self.params.iter().map(|Param { ident, stored, .. }| quote!(#private::Arg::<#stored>::slot(#ident)));
        let delayed = private.at(value.span());
        let delayed = quote_spanned!(located(value.span())=> #delayed::Delayed);
        let generics = &sig.generics;
        let (bounds, def) = match instances {
            None => (quote!(), quote!(<#name as #private::TaskItem>::DEF)),
            Some(instances) => instances.of_call(private, name, generics, value),
        };
        let call = quote_spanned!(located(value.span())=> #delayed::call(#def, [#(#slots),*]));
        quote! {
            #(#attributes)*
            #[allow(clippy::too_many_arguments, clippy::multiple_bound_locations)]
            #vis fn #name #generics (#(#parameters),*) -> #delayed<#value> #bounds {
                #call
            }
        }
    }

    /// The type of the same name, whose `call` is the function itself.
    fn twin(&self) -> TokenStream {
        let ItemFn { attrs, vis, sig, block, .. } = &self.function;
        let name = &sig.ident;
        let conditions = self.conditions();
        let mut call = sig.clone();
        call.ident = format_ident!("call", span = name.span());
        quote! {
            #(#conditions)*
            #[doc(hidden)]
            #[allow(
                non_camel_case_types, dead_code, unreachable_pub, missing_debug_implementations,
                missing_copy_implementations, clippy::empty_enums
            )]
            #vis enum #name {}

            #(#conditions)*
            impl #name {
                #(#attrs)*
                #[allow(unreachable_pub)]
                #vis #call #block
            }
        }
    }

    fn definition(&self) -> TokenStream {
        let private = &self.options.private;
        let conditions = self.conditions();
        let name = &self.function.sig.ident;
        let check = self.output.check(private);
        let register = self.output.register(private);
        let definition = self.define(name, &quote!(#name::call), None);
        quote! {
            #(#conditions)*
            #[allow(deprecated)]
            impl #private::TaskItem for #name {
                const DEF: &'static #private::TaskDef = {
                    #definition
                    #check
                    #register
                    &__BRISK_DEF
                };
            }
        }
    }

    /// The static of the function, or of one instance of it, which `instance` names.
    pub(crate) fn define(&self, name: &Ident, callee: &TokenStream, instance: Option<&str>) -> TokenStream {
        let Task { options, function, params, output } = self;
        let mut shown = match &options.name {
            Some(other) => other.value(),
            None => syn::ext::IdentExt::unraw(name).to_string(),
        };
        let mut signature = signature::identity_text(&function.sig);
        if let Some(instance) = instance {
            shown.push_str(instance);
            signature.insert_str(0, instance);
        }
        let span = name.span();
        let is_async = function.sig.asyncness.is_some();
        Definition {
            private: &options.private,
            span,
            name: quote!(#shown),
            signature,
            params,
            trampoline: trampoline(&options.private, span, callee, params, output, is_async),
            block: block(&options.private, callee, params, output, is_async),
            defaults: options.defaults(),
            is_async,
        }
        .statements()
    }

    /// The conditions under which there is a function at all.
    pub(crate) fn conditions(&self) -> Vec<&Attribute> {
        self.function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect()
    }

    pub(crate) fn private(&self) -> &Private {
        &self.options.private
    }
}

/// Whether an attribute concerns those who call the function, not its body.
fn is_for_callers(attribute: &Attribute) -> bool {
    const NAMES: [&str; 5] = ["cfg", "cfg_attr", "doc", "deprecated", "allow"];
    NAMES.iter().any(|name| attribute.path().is_ident(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(options: TokenStream, item: TokenStream) -> syn::File {
        parse2(expand(options, item).unwrap()).expect("the expansion is Rust")
    }

    fn error(options: TokenStream, item: TokenStream) -> String {
        expand(options, item).expect_err("it was refused").to_string()
    }

    #[test]
    fn a_task_is_a_function_a_type_and_their_definition() {
        let file = expanded(
            quote!(),
            quote!(
                /** Adds. */
                #[inline]
                pub fn add(x: i64, _y: &[u8]) -> i64 {
                    x
                }
            ),
        );
        assert_eq!(file.items.len(), 4);
        let syn::Item::Fn(constructor) = &file.items[0] else { panic!("the first is the function") };
        assert!(constructor.attrs[0].path().is_ident("doc"));
        assert!(constructor.attrs.iter().all(|attribute| !attribute.path().is_ident("inline")));
        assert_eq!(
            crate::text::text(quote::ToTokens::to_token_stream(&constructor.sig.inputs)),
            "x:impl::brisk_client::__private::Arg<i64>, y:impl::brisk_client::__private::Arg<::std::vec::Vec<u8>>"
        );
        let syn::Item::Impl(twin) = &file.items[2] else { panic!("the third has the body") };
        let syn::ImplItem::Fn(call) = &twin.items[0] else { panic!("it is a function") };
        assert!(call.attrs.iter().any(|attribute| attribute.path().is_ident("inline")));
        assert_eq!(call.sig.ident, "call");
    }

    #[test]
    fn a_condition_is_on_every_item() {
        let file = expanded(
            quote!(),
            quote!(
                #[cfg(unix)]
                fn f() {}
            ),
        );
        for item in &file.items {
            let text = quote::ToTokens::to_token_stream(item).to_string();
            assert!(text.contains("cfg (unix)"), "{text}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        assert!(
            error(
                quote!(),
                quote!(
                    struct A;
                )
            )
            .contains("put it on a `fn`")
        );
        assert!(
            error(
                quote!(),
                quote!(
                    fn f((a, b): (u8, u8)) {}
                )
            )
            .contains("plain name")
        );
        assert!(
            error(
                quote!(instances(u8)),
                quote!(
                    fn f(x: u8) {}
                )
            )
            .contains("not generic")
        );
    }

    #[test]
    fn all_mistakes_of_a_signature_are_told_at_once() {
        let error = expand(
            quote!(),
            quote!(
                fn f(a: &mut u8, (b, c): (u8, u8)) -> &str {}
            ),
        )
        .unwrap_err();
        assert_eq!(error.into_iter().count(), 3);
    }
}
