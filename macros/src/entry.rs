//! `#[main]` and `#[test]`: where programs and tests begin.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, FnArg, ItemFn, Result, parse2, spanned::Spanned};

use crate::{options::EntryOptions, param::Errors};

pub(crate) fn expand_main(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let EntryOptions { private, setup } = EntryOptions::parse(options, "main", true)?;
    let function: ItemFn = parse2(item)?;
    let ItemFn { attrs, vis, sig, block, .. } = &function;
    let (name, output) = (&sig.ident, &sig.output);
    let mut errors = Errors::default();
    if name != "main" {
        errors.push(Error::new(name.span(), "a program begins in `main`: put `#[main]` on that function"));
    }
    check_entry(&function, &mut errors);
    if let Some(first) = sig.inputs.first() {
        errors.push(Error::new(first.span(), "`main` takes nothing: read `std::env::args()`"));
    }
    errors.finish(())?;
    let setup = match setup {
        None => quote!(::core::option::Option::None),
        Some(setup) => quote!(::core::option::Option::Some(#setup)),
    };
    let (asyncness, run) = match &sig.asyncness {
        Some(asyncness) => (Some(asyncness), quote!(run_main)),
        None => (None, quote!(run_blocking_main)),
    };
    Ok(quote! {
        #(#attrs)*
        #vis fn #name() #output {
            #asyncness fn #name() #output #block
            #private::#run(::core::module_path!(), #setup, #name)
        }
    })
}

pub(crate) fn expand_test(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let EntryOptions { private, .. } = EntryOptions::parse(options, "test", false)?;
    let function: ItemFn = parse2(item)?;
    let ItemFn { attrs, vis, sig, block, .. } = &function;
    let (name, output, inputs) = (&sig.ident, &sig.output, &sig.inputs);
    let mut errors = Errors::default();
    if sig.asyncness.is_none() {
        errors.push(Error::new(
            sig.fn_token.span,
            "a test with a cluster is async: write `async fn`, or use the standard `#[test]` with a blocking client",
        ));
    }
    check_entry(&function, &mut errors);
    if let Some(second) = inputs.iter().nth(1) {
        errors.push(Error::new(second.span(), "a test takes one client, `client: Client`, or nothing"));
    }
    if let Some(FnArg::Receiver(receiver)) = inputs.first() {
        errors.push(Error::new(receiver.span(), "a test is a free function"));
    }
    errors.finish(())?;
    let run = if inputs.is_empty() { quote!(|_| #name()) } else { quote!(#name) };
    Ok(quote! {
        #[::core::prelude::v1::test]
        #(#attrs)*
        #vis fn #name() #output {
            async fn #name(#inputs) #output #block
            #private::run_test(#run)
        }
    })
}

/// What no entry can be.
fn check_entry(function: &ItemFn, errors: &mut Errors) {
    let sig = &function.sig;
    if !sig.generics.params.is_empty() {
        errors.push(Error::new(
            sig.generics.span(),
            "nobody could say which types to begin with: leave the generics out",
        ));
    }
    if let syn::Safety::Unsafe(word) = &sig.safety {
        errors.push(Error::new(word.span(), "a program or a test begins in safe code: leave `unsafe` out"));
    }
    if let Some(abi) = &sig.abi {
        errors.push(Error::new(abi.span(), "a program or a test begins in Rust: leave `extern` out"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_expand_to_one_function() {
        for expanded in [
            expand_main(
                quote!(setup = a::b),
                quote!(
                    async fn main() -> Result<(), E> {
                        f().await
                    }
                ),
            ),
            expand_main(
                quote!(),
                quote!(
                    fn main() {}
                ),
            ),
            expand_test(
                quote!(),
                quote!(
                    #[ignore]
                    async fn works(client: Client) {}
                ),
            ),
            expand_test(
                quote!(),
                quote!(
                    async fn works() {}
                ),
            ),
        ] {
            parse2::<ItemFn>(expanded.unwrap()).unwrap();
        }
    }

    #[test]
    fn mistakes_are_told() {
        let main = |item| expand_main(quote!(), item).unwrap_err().to_string();
        assert!(
            main(quote!(
                async fn other() {}
            ))
            .contains("begins in `main`")
        );
        assert!(
            main(quote!(
                async fn main(x: u8) {}
            ))
            .contains("takes nothing")
        );
        let test = |item| expand_test(quote!(), item).unwrap_err().to_string();
        assert!(
            test(quote!(
                fn works() {}
            ))
            .contains("write `async fn`")
        );
        assert!(
            test(quote!(
                async fn works(a: Client, b: Client) {}
            ))
            .contains("one client")
        );
        let unknown = expand_test(
            quote!(setup = f),
            quote!(
                async fn works() {}
            ),
        )
        .unwrap_err()
        .to_string();
        assert!(unknown.contains("no option `setup`; there is `crate = path`"));
    }
}
