//! `#[actor]`: a handle whose methods are calls of the actor's, and the definitions that workers find.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{
    Attribute, Error, FnArg, ImplItem, ImplItemFn, ItemFn, ItemImpl, Receiver, ReceiverKind, Result, ReturnType,
    Signature, Type, TypePath, parse_quote, parse2,
    spanned::Spanned,
    visit_mut::{self, VisitMut},
};

use crate::{
    definition::{Definition, arguments, inputs},
    options::{ActorOptions, Private, located},
    output::Output,
    param::{self, Param},
    signature,
};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let ActorOptions { private, handle } = ActorOptions::parse(options)?;
    let span = item.span();
    let is_impl = item.clone().into_iter().any(|token| token.to_string() == "impl");
    let block: ItemImpl = parse2(item).map_err(|error| if is_impl { error } else { not_an_impl(span) })?;
    let state = state_of(&block)?;
    let name = state.path.segments.last().expect("a path has a segment").ident.clone();
    let handle = handle.unwrap_or_else(|| format_ident!("{name}Actor"));
    let actor = Actor { private, state: Type::Path(state.clone()), name };
    let mut errors = param::Errors::default();
    let members: Vec<TokenStream> =
        block.items.iter().filter_map(|item| errors.ok(actor.member(item))).flatten().collect();
    if members.is_empty() {
        errors.push(Error::new(span, "an actor has a function that returns `Self`, and methods to call it by"));
    }
    let Actor { private, name, .. } = &actor;
    let doc = format!("A handle of an actor, a `{name}` that lives on one worker.");
    errors.finish(quote! {
        #block

        #[doc = #doc]
        #[derive(Clone, Debug)]
        #[allow(unreachable_pub)]
        pub struct #handle(#private::RawActor);

        impl #private::Serialize for #handle {
            fn serialize<S: #private::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                #private::Serialize::serialize(&self.0, serializer)
            }
        }

        impl<'de> #private::Deserialize<'de> for #handle {
            fn deserialize<D: #private::Deserializer<'de>>(deserializer: D) -> ::core::result::Result<Self, D::Error> {
                #private::Deserialize::deserialize(deserializer).map(#handle)
            }
        }

        #[allow(unreachable_pub, dead_code, clippy::too_many_arguments)]
        impl #handle {
            #(#members)*
        }

        impl #private::ActorHandle for #handle {
            fn raw(&self) -> &#private::RawActor {
                &self.0
            }

            fn of_raw(actor: #private::RawActor) -> Self {
                #handle(actor)
            }
        }
    })
}

fn not_an_impl(span: Span) -> Error {
    Error::new(span, "`#[actor]` makes an actor of a type by its methods: put it on an `impl` block")
}

/// The actor's type, if it can be one.
fn state_of(block: &ItemImpl) -> Result<&TypePath> {
    if let Some((path, _)) = &block.trait_ {
        return Err(Error::new(path.span(), "an actor is called by methods of its own: put `#[actor]` on `impl Type`"));
    }
    if !block.generics.params.is_empty() {
        let text = "workers find an actor's methods by name, so its type has no parameters: write one for each type";
        return Err(Error::new(block.generics.span(), text));
    }
    match &*block.self_ty {
        Type::Path(path) if path.qself.is_none() => Ok(path),
        other => Err(Error::new(other.span(), "an actor is a type with a name")),
    }
}

struct Actor {
    private: Private,
    /// The actor's type.
    state: Type,
    name: Ident,
}

impl Actor {
    /// What the handle has for one item of the block; nothing for what is not for callers.
    fn member(&self, item: &ImplItem) -> Result<Option<TokenStream>> {
        let ImplItem::Fn(function) = item else { return Ok(None) };
        let mut function = function.clone();
        ReplaceSelf(&self.state).visit_signature_mut(&mut function.sig);
        match function.sig.receiver().cloned() {
            Some(receiver) => self.method(&function, &receiver).map(Some),
            None if self.is_constructor(&function.sig.output) => self.constructor(&function).map(Some),
            None => Ok(None),
        }
    }

    fn is_constructor(&self, output: &ReturnType) -> bool {
        let ReturnType::Type(_, declared) = output else { return false };
        let state = self.state.to_token_stream().to_string();
        match Output::new(output, &self.private, declared.span()) {
            Ok(output) => output.value.to_token_stream().to_string() == state,
            Err(_) => false,
        }
    }

    /// A function that describes the making of an actor.
    fn constructor(&self, function: &ImplItemFn) -> Result<TokenStream> {
        let (private, state, sig) = (&self.private, &self.state, &function.sig);
        check(sig)?;
        let params = param::of_function(signature::typed_inputs(sig))?;
        let output = Output::new(&sig.output, private, sig.ident.span())?;
        let (inputs, name) = (inputs(), &sig.ident);
        let arguments = arguments(private, &params, &inputs);
        let is_async = sig.asyncness.is_some();
        let awaited = is_async.then(|| quote!(.await));
        let made = output.outcome(private, &quote!(<#state>::#name(#(#arguments),*) #awaited));
        let trampoline =
            body(private, is_async, &quote!(#private::ActorCell<#state>), &quote!(#made.map(#private::ActorCell::new)));
        let shown = if name == "new" { self.name.to_string() } else { format!("{}::{name}", self.name) };
        let definition = self.define(sig, shown, &params, trampoline, &quote!(#private::Defaults::NONE));
        let (vis, attributes) = (&function.vis, documentation(&function.attrs));
        let parameters = params.iter().map(|Param { ident, stored, .. }| {
            let private = private.at(stored.span());
            quote_spanned!(located(stored.span())=> #ident: impl #private::Arg<#stored>)
        });
        let slots = params.iter().map(|Param { ident, stored, .. }| quote!(#private::Arg::<#stored>::slot(#ident)));
        Ok(quote! {
            #(#attributes)*
            #vis fn #name(#(#parameters),*) -> #private::NewActor<Self> {
                #definition
                #private::NewActor::call(&__BRISK_DEF, [#(#slots),*])
            }
        })
    }

    /// A method of the handle that calls the actor's method.
    fn method(&self, function: &ImplItemFn, receiver: &Receiver) -> Result<TokenStream> {
        let (private, state, sig) = (&self.private, &self.state, &function.sig);
        check(sig)?;
        let ReceiverKind::Reference(_, _, mutability) = &receiver.kind else {
            let text = "an actor lives on after a call: take `&self` or `&mut self`";
            return Err(Error::new(receiver.span(), text));
        };
        // The actor itself is the first parameter, as far as workers are concerned.
        let actor: FnArg = parse_quote!(actor: &#private::ActorCell<#state>);
        let mut typed = sig.clone();
        if let Some(first) = typed.inputs.first_mut() {
            *first = actor;
        }
        let params = param::of_function(signature::typed_inputs(&typed))?;
        let output = Output::new(&sig.output, private, sig.ident.span())?;
        let (inputs, name) = (inputs(), &sig.ident);
        let all = arguments(private, &params, &inputs);
        let arguments = all.iter().skip(1);
        let is_async = sig.asyncness.is_some();
        let awaited = is_async.then(|| quote!(.await));
        let borrow = if mutability.is_some() { quote!(&mut *__state) } else { quote!(&*__state) };
        let called = output.outcome(private, &quote!(<#state>::#name(#borrow, #(#arguments),*) #awaited));
        // An argument that does not decode is an error of the call, and leaves the actor as it was.
        let value = &output.value;
        let outcome = if is_async {
            quote!(let __outcome: #private::Caught<#value> = async { #called }.await;)
        } else {
            quote!(let __outcome = (|| -> #private::Caught<#value> { #called })();)
        };
        let text = syn::ext::IdentExt::unraw(name).to_string();
        let trampoline = body(
            private,
            is_async,
            &output.value.to_token_stream(),
            &quote!({
                #[allow(unused_mut)]
                let mut __state = #private::enter::<#state>(#inputs, #text)?;
                #outcome
                __state.done();
                __outcome
            }),
        );
        let shown = format!("{}::{text}", self.name);
        let impure = quote!(#private::Defaults { impure: true, ..#private::Defaults::NONE });
        let definition = self.define(sig, shown, &params, trampoline, &impure);
        let (check, register, value) = (output.check(private), output.register(private), &output.value);
        let (vis, attributes) = (&function.vis, documentation(&function.attrs));
        let (parameters, values): (Vec<_>, Vec<_>) = params[1..].iter().map(|param| taken(private, param)).unzip();
        Ok(quote! {
            #(#attributes)*
            #vis fn #name(&self, #(#parameters),*) -> #private::ActorFuture<#value> {
                #definition
                #check
                #register
                self.0.call(&__BRISK_DEF, [#(#values),*])
            }
        })
    }

    fn define(
        &self,
        sig: &Signature,
        shown: String,
        params: &[Param],
        trampoline: TokenStream,
        defaults: &TokenStream,
    ) -> TokenStream {
        Definition {
            private: &self.private,
            span: sig.ident.span(),
            name: quote!(#shown),
            signature: signature::identity_text(sig),
            params,
            trampoline,
            block: None,
            defaults: defaults.clone(),
            is_async: sig.asyncness.is_some(),
        }
        .statements()
    }
}

/// A trampoline around `outcome`, an expression that may use `?`.
fn body(private: &Private, is_async: bool, value: &TokenStream, outcome: &TokenStream) -> TokenStream {
    let inputs = inputs();
    if is_async {
        quote!(|mut #inputs| #private::pending::<#value>(async move {
            let #inputs = &mut #inputs;
            #outcome
        }))
    } else {
        quote!(|#inputs| #private::ready::<#value>(#inputs, |#inputs| #outcome))
    }
}

/// A parameter of the handle's method, and what goes to the actor for it. What the actor only borrows is given as
/// anything that makes it: a `&str` for a `String`.
fn taken(private: &Private, param: &Param) -> (TokenStream, TokenStream) {
    let Param { ident, stored, .. } = param;
    if param.is_text_or_slice() {
        let taken = quote!(#ident: impl ::core::convert::Into<#stored>);
        (taken, quote!(#private::argument::<#stored>(::core::convert::Into::into(#ident))))
    } else {
        (quote!(#ident: #stored), quote!(#private::argument::<#stored>(#ident)))
    }
}

/// Refuses what neither a task nor a method of an actor can be.
fn check(sig: &Signature) -> Result<()> {
    if let Some(parameter) = sig.generics.params.first() {
        let text = "workers find an actor's methods by name, so each takes and returns types that are written out";
        return Err(Error::new(parameter.span(), text));
    }
    let mut free = sig.clone();
    free.inputs = free.inputs.into_iter().filter(|input| matches!(input, FnArg::Typed(_))).collect();
    let function: ItemFn = parse_quote!(#free {});
    signature::check(&function, false)
}

fn documentation(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes
        .iter()
        .filter(|attribute| ["cfg", "doc", "deprecated"].iter().any(|name| attribute.path().is_ident(name)))
}

/// Writes the type where its functions say `Self`.
struct ReplaceSelf<'a>(&'a Type);

impl VisitMut for ReplaceSelf<'_> {
    fn visit_type_mut(&mut self, node: &mut Type) {
        match node {
            Type::Path(path) if path.qself.is_none() && path.path.is_ident("Self") => *node = self.0.clone(),
            _ => visit_mut::visit_type_mut(self, node),
        }
    }

    // The receiver's type is `Self` as well, unwritten.
    fn visit_receiver_mut(&mut self, _: &mut Receiver) {}
}
