//! The definition of a task: a static that workers find by its identity, and the trampoline from erased inputs to the
//! function.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use crate::{
    options::{Private, located},
    output::Output,
    param::{self, Param},
};

/// What a definition is made of.
pub(crate) struct Definition<'a> {
    pub(crate) private: &'a Private,
    /// Where people find the function: its name.
    pub(crate) span: Span,
    /// An expression: the name people see.
    pub(crate) name: TokenStream,
    /// The signature as a part of the identity.
    pub(crate) signature: String,
    pub(crate) params: &'a [Param],
    /// An expression: a closure from `Inputs` to `Ran`.
    pub(crate) trampoline: TokenStream,
    /// An expression: a function from `&mut Block` to what its calls come to, if there is one.
    pub(crate) block: Option<TokenStream>,
    pub(crate) defaults: TokenStream,
    pub(crate) is_async: bool,
}

impl Definition<'_> {
    /// Statements that define and register the static, and as their value a reference to it.
    pub(crate) fn statements(&self) -> TokenStream {
        let Definition { private, span, name, signature, params, trampoline, block, defaults, is_async } = self;
        let labels = params.iter().map(|param| &param.label);
        let shows = params.iter().map(|Param { stored, .. }| {
            let private = private.at(stored.span());
            quote_spanned!(located(stored.span())=> #private::show!(#stored))
        });
        // `line!()` tells the place of the outermost macro that led to it: of this one, if the user wrote it.
        let by_user = private.written_at(*span);
        let identity = quote_spanned!(*span=> #by_user::identity!(#name, #signature));
        let block = block.as_ref().map(|block| quote!(.with_block(#block)));
        let asynchronous = is_async.then(|| quote!(.asynchronous()));
        quote! {
            #[allow(unused_imports)]
            use #private::{AnyClone as _, AnyParam as _, AnyShape as _, ErrorValueNo as _, ErrorValueYes as _};
            static __BRISK_DEF: #private::TaskDef =
                #private::TaskDef::new(#identity, &[#(#labels),*], #trampoline, #defaults).showing(const { &[#(#shows),*] }) #block #asynchronous;
            #private::inventory::submit! { #private::TaskEntry(&__BRISK_DEF) }
        }
    }
}

/// The trampoline of `callee`, whose signature is known.
pub(crate) fn trampoline(
    private: &Private,
    span: Span,
    callee: &TokenStream,
    params: &[Param],
    output: &Output,
    is_async: bool,
) -> TokenStream {
    let inputs = inputs();
    let arguments = arguments(private, params, &inputs);
    let value = &output.value;
    if is_async {
        let pending = private.at(span);
        let outcome = output.outcome(private, &quote!(#callee(#(#arguments),*).await));
        // At the function's name, so that a future that is not Send is reported there.
        quote_spanned! {located(span)=> |mut #inputs| #pending::pending::<#value>(async move {
            let #inputs = &mut #inputs;
            #outcome
        })}
    } else {
        let outcome = output.outcome(private, &quote!(#callee(#(#arguments),*)));
        let ready = private.at(value.span());
        quote_spanned!(located(value.span())=> |#inputs| #ready::ready::<#value>(#inputs, |#inputs| #outcome))
    }
}

/// The loop over a block of calls of `callee`: `None` for what can't be called so.
pub(crate) fn block(
    private: &Private,
    callee: &TokenStream,
    params: &[Param],
    output: &Output,
    is_async: bool,
) -> Option<TokenStream> {
    if is_async {
        return None;
    }
    let (columns, arguments) = columns(private, params)?;
    let outcome = output.outcome(private, &quote!(#callee(#(#arguments),*)));
    let value = &output.value;
    let (block, index, last) = param::block_names();
    let run = private.at(value.span());
    // The loop is the same for all; only what is in it is this function's own.
    Some(quote_spanned! {located(value.span())=> |#block: &mut #run::Block| {
        #(#columns)*
        #block.run::<#value>(|#index, #last| #outcome)
    }})
}

/// The columns of a block, as statements, and the arguments of one call.
pub(crate) fn columns(private: &Private, params: &[Param]) -> Option<(Vec<TokenStream>, Vec<TokenStream>)> {
    let of = |(place, param): (usize, &Param)| {
        let column = Ident::new(&format!("__column{place}"), Span::mixed_site());
        param.column(private, &column, place)
    };
    let both: Option<Vec<_>> = params.iter().enumerate().map(of).collect();
    both.map(|both| both.into_iter().unzip())
}

/// The name of a trampoline's inputs.
pub(crate) fn inputs() -> Ident {
    Ident::new("__inputs", Span::mixed_site())
}

/// The arguments, each taken from the `inputs` with `?`.
pub(crate) fn arguments(private: &Private, params: &[Param], inputs: &Ident) -> Vec<TokenStream> {
    params.iter().enumerate().map(|(index, param)| param.argument(private, inputs, index)).collect()
}
