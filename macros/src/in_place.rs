//! `task_fn!`: a small task function in place.
//!
//! What it expands to has two parts. The definition is an item, so that workers have it without ever coming by this
//! place: it holds the body, and can name no type that is only inferred here. The value is a closure that makes calls of
//! the definition; for the type of their result it looks at the body's closure, which is compiled for its type alone and
//! never called. Where the type is written down the body stands in the expansion once.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{
    Error, Expr, ExprClosure, Ident, Pat, PatType, Result, ReturnType, Token, Type, bracketed,
    parse::{Parse, ParseStream},
    parse2,
    punctuated::Punctuated,
    spanned::Spanned,
};

use crate::{
    definition::{self, Definition, trampoline},
    options::{Private, located},
    output::Output,
    param::{self, Errors, Param},
    text::text,
};

/// `[captures] |parameters| body`.
struct InPlace {
    private: Private,
    captures: Vec<Capture>,
    closure: ExprClosure,
}

/// `name: Type`: a variable of the surroundings that travels with each call.
struct Capture {
    name: Ident,
    declared: Type,
}

impl Parse for Capture {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name: Ident = input.parse()?;
        if !input.peek(Token![:]) {
            let text = format!("what travels with the call has a type: write `{name}: i64`, say");
            return Err(Error::new(name.span(), text));
        }
        input.parse::<Token![:]>()?;
        Ok(Capture { name, declared: input.parse()? })
    }
}

impl Parse for InPlace {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut private = Private::default();
        if input.peek(Token![crate]) && input.peek2(Token![=]) {
            input.parse::<Token![crate]>()?;
            private = Private::parse(input)?;
            input.parse::<Token![;]>()?;
        }
        let mut captures = Vec::new();
        if input.peek(syn::token::Bracket) {
            let content;
            bracketed!(content in input);
            captures = content.call(Punctuated::<Capture, Token![,]>::parse_terminated)?.into_iter().collect();
        }
        let closure = input.parse().map_err(|error| {
            Error::new(
                error.span(),
                "expected a closure, as in `task_fn!(|x: i64| x * 2)` or `task_fn!([k: i64] |x: i64| x + k)`",
            )
        })?;
        if !input.is_empty() {
            return Err(input.error("one closure, and nothing after it"));
        }
        Ok(InPlace { private, captures, closure })
    }
}

pub(crate) fn expand(input: TokenStream) -> Result<TokenStream> {
    let in_place: InPlace = parse2(input)?;
    in_place.check()?;
    let params = in_place.params()?;
    let call = match &in_place.closure.output {
        ReturnType::Default => in_place.inferred(&params)?,
        ReturnType::Type(..) => in_place.declared(&params)?,
    };
    let private = &in_place.private;
    let definition = Definition {
        private,
        span: in_place.span(),
        name: quote!(::core::concat!(::core::file!(), ":", ::core::line!())),
        signature: in_place.identity_text(),
        params: &params,
        trampoline: call.trampoline,
        block: call.block,
        defaults: quote!(#private::Defaults::NONE),
        is_async: false,
    }
    .statements();
    let (items, result, make) = (&call.items, &call.result, &call.make);
    let (closure_params, capture_params) = params.split_at(in_place.closure.inputs.len());
    let idents: Vec<_> = closure_params.iter().map(|param| &param.ident).collect();
    let stored: Vec<_> = closure_params.iter().map(|param| &param.stored).collect();
    let held: Vec<_> = (0..capture_params.len()).map(|index| mixed(&format!("__capture{index}"))).collect();
    let captured = in_place.captures.iter().map(|capture| &capture.name);
    let captured_stored = capture_params.iter().map(|param| &param.stored);
    Ok(quote! {{
        #items
        #definition
        #result
        #(let #held = #private::Arg::<#captured_stored>::slot(#captured);)*
        move |#(#idents),*| #make(
            &__BRISK_DEF,
            [#(#private::Arg::<#stored>::slot(#idents),)* #(::core::clone::Clone::clone(&#held)),*],
        )
    }})
}

/// How calls are made, and what they call.
struct Call {
    /// Items and checks that stand beside the definition.
    items: TokenStream,
    trampoline: TokenStream,
    block: Option<TokenStream>,
    /// Statements after the definition.
    result: TokenStream,
    /// A function from a definition and slots to a `Delayed`.
    make: TokenStream,
}

impl InPlace {
    /// The expansion where the type of the result is written: the body is a function.
    fn declared(&self, params: &[Param]) -> Result<Call> {
        let private = &self.private;
        let ExprClosure { asyncness, output, body, .. } = &self.closure;
        let declared = Output::new(output, private, self.span())?;
        let inputs = self.inputs();
        let body = match &**body {
            Expr::Block(block) if block.label.is_none() && block.attrs.is_empty() => quote!(#block),
            other => quote!({ #other }),
        };
        let callee = mixed("__brisk_call");
        let trampoline =
            trampoline(private, self.span(), &quote!(#callee), params, &declared, self.closure.asyncness.is_some());
        let block = definition::block(private, &quote!(#callee), params, &declared, self.closure.asyncness.is_some());
        let (check, register) = (declared.check(private), declared.register(private));
        let value = &declared.value;
        Ok(Call {
            items: quote! {
                #asyncness fn #callee(#(#inputs),*) #output #body
                #check
                #register
            },
            trampoline,
            block,
            result: quote!(),
            make: quote!(#private::Delayed::<#value>::call),
        })
    }

    /// The expansion where the type of the result is inferred: the body is a closure, which stands there twice.
    fn inferred(&self, params: &[Param]) -> Result<Call> {
        let private = &self.private;
        let ExprClosure { asyncness, body, .. } = &self.closure;
        if let Some(nested) = nested_task(body.to_token_stream()) {
            let text =
                "a task within a task: the outer one needs its type of result written, as in `|x: i64| -> i64 { … }`";
            return Err(Error::new(nested, text));
        }
        let inputs: Vec<_> = self.inputs().collect();
        let (function, outcome, tag) = (mixed("__function"), mixed("__outcome"), mixed("__tag"));
        let given = definition::inputs();
        let arguments = definition::arguments(private, params, &given);
        let anything: Vec<_> = params.iter().map(|_| quote!(#private::any())).collect();
        let callee = mixed("__brisk_call");
        // The method is one of every type, but to call it the compiler must know the type: if it does not, it says so at
        // the body.
        let returned = Ident::new("__returned", Span::mixed_site().located_at(body.span()));
        let dot_await = asyncness.map(|_| quote!(.await));
        let body = quote!(let #function = #asyncness |#(#inputs),*| #body;);
        let called = |arguments: &[TokenStream]| {
            quote! {
                let #returned = #function(#(#arguments),*) #dot_await;
                (&#returned).__brisk_type_is_known();
            }
        };
        let (run, never) = (called(&arguments), called(&anything));
        let of = if asyncness.is_some() {
            quote!(#private::tag_of_future(|| async { #body #never #returned }))
        } else {
            quote!(#private::tag_of(|| { #body #never #returned }))
        };
        let (item, trampoline, block) = if asyncness.is_some() {
            let run = quote_spanned! {located(self.span())=> #private::boxed(async move {
                let #given = &mut #given;
                let #outcome = async { #body #run #private::Caught::Ok(#returned) }.await;
                (&&#private::tag(&#outcome)).finish(#outcome)
            })};
            (quote!(fn #callee(mut #given: #private::Inputs) -> #private::Ran { #run }), quote!(#callee), None)
        } else {
            // What is done with the body by whoever calls it: the body itself stands there once.
            let call = quote! {
                let #outcome = #private::caught(&mut #given, |#given| { #run ::core::result::Result::Ok(#returned) });
                #private::Came::Call(#private::Ran::Done((&&#private::tag(&#outcome)).finish(#outcome)))
            };
            let columns = definition::columns(private, params);
            let can_block = columns.is_some();
            let looped = columns.map_or_else(
                || quote!(#private::Came::no_block()),
                |(columns, arguments)| {
                    let (block, index, last) = param::block_names();
                    quote! {
                        #private::Came::Block((|| {
                            #(#columns)*
                            #block.run(|#index, #last| {
                                let #outcome = #private::Caught::Ok(#function(#(#arguments),*));
                                (&&#private::tag(&#outcome)).one(#outcome)
                            })
                        })())
                    }
                },
            );
            let (block, _, _) = param::block_names();
            let item = quote! {
                #[allow(unused_variables)]
                fn #callee(__made: #private::Made<'_>) -> #private::Came {
                    #body
                    match __made {
                        #private::Made::Call(mut #given) => { #call }
                        #private::Made::Block(#block) => { #looped }
                    }
                }
            };
            let trampoline = quote!(|#given| #callee(#private::Made::Call(#given)).of_call());
            let block = can_block.then(|| quote!(|#block| #callee(#private::Made::Block(#block)).of_block()));
            (item, trampoline, block)
        };
        Ok(Call {
            items: quote! {
                #[allow(unused_imports)]
                use #private::{Known as _, TagErrorValue as _, TagText as _, TagValue as _};
                #item
            },
            trampoline,
            block,
            // The first copy of the body has its warnings already.
            result: quote!(#[allow(unused, clippy::all, clippy::pedantic)] let #tag = #of;),
            make: quote!((&&#tag).call),
        })
    }

    /// All parameters of the task: the closure's, then the captures.
    fn params(&self) -> Result<Vec<Param>> {
        let mut params: Vec<Param> = Vec::new();
        let mut errors = Errors::default();
        for (index, input) in self.closure.inputs.iter().enumerate() {
            let parsed = typed(input).and_then(|PatType { pat, ty, .. }| {
                let name = match &**pat {
                    Pat::Ident(name) => Some(name.ident.clone()),
                    _ => None,
                };
                let mut param = Param::new(name, index, ty, &params)?;
                if param.label == "_" {
                    param.label = text(pat.to_token_stream());
                }
                Ok(param)
            });
            params.extend(errors.ok(parsed));
        }
        for capture in &self.captures {
            let parsed = Param::new(Some(capture.name.clone()), params.len(), &capture.declared, &params);
            params.extend(errors.ok(parsed));
        }
        errors.finish(params)
    }

    /// The inputs of the body as a function.
    fn inputs(&self) -> impl Iterator<Item = TokenStream> {
        let closure = self.closure.inputs.iter().map(ToTokens::to_token_stream);
        closure.chain(self.captures.iter().map(|Capture { name, declared }| quote!(#name: #declared)))
    }

    fn check(&self) -> Result<()> {
        let closure = &self.closure;
        if let Some(lifetimes) = &closure.lifetimes {
            return Err(Error::new(lifetimes.span(), "a task's lifetimes are left out: write `|x: &T|`"));
        }
        if let Some(constness) = &closure.constness {
            return Err(Error::new(constness.span(), "a task runs while the program does: leave `const` out"));
        }
        Ok(())
    }

    fn identity_text(&self) -> String {
        let asyncness = if self.closure.asyncness.is_some() { "async " } else { "" };
        let types = self.closure.inputs.iter().filter_map(|input| typed(input).ok()).map(|typed| &*typed.ty);
        let types = types.chain(self.captures.iter().map(|capture| &capture.declared));
        let types: Vec<_> = types.map(|declared| text(declared.to_token_stream())).collect();
        format!("{asyncness}|{}|{}", types.join(", "), text(self.closure.output.to_token_stream()))
    }

    /// Where the closure begins: what the task is called by.
    fn span(&self) -> Span {
        self.closure.inputs_begin.span()
    }
}

/// A parameter of the closure, which must have its type.
fn typed(input: &Pat) -> Result<&PatType> {
    match input {
        Pat::Type(typed) => Ok(typed),
        other => {
            let name = text(other.to_token_stream());
            let text = format!("a task's parameters have types, since workers decode them: write `|{name}: i64|`, say");
            Err(Error::new(other.span(), text))
        }
    }
}

/// Where a body defines a task of its own, which would be defined twice.
fn nested_task(body: TokenStream) -> Option<Span> {
    let mut before: Option<TokenTree> = None;
    for token in body {
        let found = match (&before, &token) {
            (Some(TokenTree::Ident(name)), TokenTree::Punct(bang)) if bang.as_char() == '!' && name == "task_fn" => {
                Some(name.span())
            }
            (Some(TokenTree::Punct(hash)), TokenTree::Group(attribute)) if hash.as_char() == '#' => {
                let mut path = attribute.stream().into_iter().take_while(|token| !matches!(token, TokenTree::Group(_)));
                path.any(|token| matches!(&token, TokenTree::Ident(name) if name == "task")).then(|| attribute.span())
            }
            (_, TokenTree::Group(group)) => nested_task(group.stream()),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
        before = Some(token);
    }
    None
}

fn mixed(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(input: TokenStream) -> String {
        expand(input).expect_err("it was refused").to_string()
    }

    #[test]
    fn functions_in_place_expand_to_an_expression() {
        for input in [
            quote!(|x: i64| x * 2),
            quote!(|| 1),
            quote!([k: i64, names: &[String]] |x: i64| -> Result<i64, E> { f(x, k)? }),
            quote!(async |(a, b): (i64, i64)| a + b),
            quote!(crate = a::b; async |x: &str| -> usize { x.len() }),
        ] {
            parse2::<Expr>(expand(input).unwrap()).unwrap();
        }
    }

    #[test]
    fn mistakes_are_told() {
        assert!(error(quote!(|x| x)).contains("write `|x: i64|`"));
        assert!(error(quote!(f)).contains("expected a closure"));
        assert!(error(quote!([k] |x: i64| x)).contains("write `k: i64`"));
        assert!(error(quote!(|x: &mut i64| x)).contains("return the new one"));
        assert!(error(quote!(|x: i64| client.map(ys, task_fn!(|y: i64| y)))).contains("a task within a task"));
        assert!(
            error(quote!(|x: i64| {
                #[brisk_client::task(impure)]
                fn f() {}
                1
            }))
            .contains("a task within a task")
        );
    }
}
