//! Generic tasks: one definition for each list of types that the attribute names.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Error, Generics, Ident, Result, Signature, Token, Type,
    parse::{ParseStream, Parser},
    punctuated::Punctuated,
    spanned::Spanned,
    visit_mut::{self, VisitMut},
};

use crate::{
    options::{Private, TaskOptions, located},
    task::Task,
    text::text,
};

/// The instances of a generic function.
pub(crate) struct Instances {
    /// The type parameters, in order.
    params: Vec<Ident>,
    /// For each instance, a type for each of the parameters.
    instances: Vec<Vec<Type>>,
}

impl Instances {
    /// What `instances(…)` lists, or `None` if the function is not generic.
    pub(crate) fn parse(options: &TaskOptions, signature: &Signature) -> Result<Option<Self>> {
        let Some((span, tokens)) = &options.instances else { return Ok(None) };
        let params: Vec<Ident> = signature.generics.type_params().map(|param| param.ident.clone()).collect();
        if params.is_empty() {
            let text = "`instances` lists the types of a generic task, and this function is not generic: leave it out";
            return Err(Error::new(*span, text));
        }
        let instances = |input: ParseStream<'_>| {
            let mut list = Vec::new();
            while !input.is_empty() {
                list.push(one(input, &params)?);
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(list)
        };
        let instances = instances.parse2(tokens.clone())?;
        if instances.is_empty() {
            let text = "a generic task has at least one instance: list its types, as in `instances(f32, f64)`";
            return Err(Error::new(*span, text));
        }
        Ok(Some(Instances { params, instances }))
    }

    /// For the function that describes a call: its bounds, and the definition that it calls.
    pub(crate) fn of_call(
        &self,
        private: &Private,
        name: &Ident,
        generics: &Generics,
        value: &Type,
    ) -> (TokenStream, TokenStream) {
        let params = &self.params;
        let list = list(params);
        let private = private.at(name.span());
        let bound = quote_spanned!(located(name.span())=> #name: #private::Instance<#list>);
        let result = mentions(value, params).then(|| quote!(#value: #private::Value,));
        let clauses = generics.where_clause.iter().flat_map(|clause| clause.predicates.iter());
        (quote!(where #bound, #result #(#clauses),*), quote!(<#name as #private::Instance<#list>>::DEF))
    }
}

/// How the attribute lists the types of one instance: as it is if it is one, else in parentheses.
fn list<T: ToTokens>(types: &[T]) -> TokenStream {
    match types {
        [one] => quote!(#one),
        several => quote!((#(#several),*)),
    }
}

/// The types of one instance.
fn one(input: ParseStream<'_>, params: &[Ident]) -> Result<Vec<Type>> {
    let types: Vec<Type> = if params.len() == 1 {
        vec![input.parse()?]
    } else {
        let content;
        let parentheses = syn::parenthesized!(content in input);
        let types = content.call(Punctuated::<Type, Token![,]>::parse_terminated)?;
        if types.len() != params.len() {
            let wanted = params.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let text = format!("each instance has a type for each of ({wanted})");
            return Err(Error::new(parentheses.span.join(), text));
        }
        types.into_iter().collect()
    };
    if let Some(own) = types.iter().find(|instance| mentions(instance, params)) {
        let text = "this is the function's own type parameter: name the types for which it is to exist";
        return Err(Error::new(own.span(), text));
    }
    Ok(types)
}

/// Whether a type names one of `params`.
fn mentions(within: &Type, params: &[Ident]) -> bool {
    struct Mentions<'a>(&'a [Ident], bool);
    impl VisitMut for Mentions<'_> {
        fn visit_path_mut(&mut self, path: &mut syn::Path) {
            self.1 |= path.segments.first().is_some_and(|first| self.0.contains(&first.ident));
            visit_mut::visit_path_mut(self, path);
        }
    }
    let mut search = Mentions(params, false);
    search.visit_type_mut(&mut within.clone());
    search.1
}

/// The definitions of all instances.
pub(crate) fn definitions(task: &Task, instances: &Instances) -> TokenStream {
    let private = task.private();
    let name = &task.function.sig.ident;
    let params = &instances.params;
    let each = instances.instances.iter().map(|types| {
        let conditions = task.conditions();
        let list = list(types);
        let shown: Vec<_> = types.iter().map(|instance| text(instance.to_token_stream())).collect();
        let definition =
            task.define(name, &quote!(#name::call::<#(#types),*>), Some(&format!("<{}>", shown.join(", "))));
        let check = task.output.check(private);
        let register = task.output.register(private);
        quote! {
            #(#conditions)*
            #[allow(deprecated)]
            impl #private::Instance<#list> for #name {
                const DEF: &'static #private::TaskDef = {
                    // The signature's types are used as written: its parameters stand for this instance's types.
                    #(#[allow(dead_code, non_camel_case_types)] type #params = #types;)*
                    #definition
                    #check
                    #register
                    &__BRISK_DEF
                };
            }
        }
    });
    quote!(#(#each)*)
}

#[cfg(test)]
mod tests {
    use syn::{ItemFn, parse_quote};

    use super::*;

    fn parse(options: TokenStream, function: &ItemFn) -> Result<Option<Instances>> {
        Instances::parse(&TaskOptions::parse(options).unwrap(), &function.sig)
    }

    #[test]
    fn one_type_parameter_takes_types_and_several_take_lists() {
        let one: ItemFn = parse_quote!(
            fn f<T>(x: T) {}
        );
        let types = parse(quote!(instances(f32, (u8, u8))), &one).unwrap().unwrap().instances;
        let shown = |types: &[Type]| types.iter().map(|one| text(one.to_token_stream())).collect::<Vec<_>>();
        assert_eq!(types.iter().map(|one| shown(one)).collect::<Vec<_>>(), [["f32"], ["(u8, u8)"]]);
        let two: ItemFn = parse_quote!(
            fn f<A, B>(x: A, y: B) {}
        );
        let types = parse(quote!(instances((f32, u8), (f64, u16))), &two).unwrap().unwrap().instances;
        assert_eq!(types.iter().map(|one| shown(one)).collect::<Vec<_>>(), [["f32", "u8"], ["f64", "u16"]]);
    }

    #[test]
    fn mistakes_are_told() {
        let two: ItemFn = parse_quote!(
            fn f<A, B>(x: A, y: B) {}
        );
        let text = |options| parse(options, &two).map(drop).expect_err("it was refused").to_string();
        assert!(text(quote!(instances((f32, u8, u8)))).contains("a type for each of (A, B)"));
        assert!(text(quote!(instances())).contains("at least one instance"));
        assert!(text(quote!(instances((A, u8)))).contains("own type parameter"));
    }
}
