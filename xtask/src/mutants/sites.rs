//! Where a mutant can be switched on: the expression, or the body, around what it changes.

use std::{collections::HashMap, ops::Range};

use anyhow::{Context, Result};
use syn::{Expr, spanned::Spanned as _, visit::Visit};

use super::list::Genre;

/// What a switch goes around.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// In bytes of the text. Nothing is in the range of a body: the switch goes in front of its first statement.
    pub(super) range: Range<usize>,
    pub(super) shape: Shape,
}

/// What may stand there in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A statement that returns.
    Body,
    /// An expression in parentheses.
    Value,
    /// An expression that may be a statement by itself, without a semicolon.
    Block,
}

/// The sites of a file, by what is changed there and by where that begins.
///
/// Those that the compiler evaluates, those in the middle of a `let` chain, and bodies of a type without a name, are not
/// among them.
pub(super) fn find(text: &str) -> Result<HashMap<(Genre, usize), Site>> {
    let file = syn::parse_file(text).context("it does not parse")?;
    let mut finder = Finder { sites: HashMap::new(), fixed: false };
    finder.visit_file(&file);
    Ok(finder.sites)
}

struct Finder {
    sites: HashMap<(Genre, usize), Site>,
    /// In a constant, a constant function or a pattern.
    fixed: bool,
}

impl Finder {
    fn found(&mut self, genre: Genre, at: usize, range: Range<usize>, shape: Shape) {
        if !self.fixed {
            self.sites.insert((genre, at), Site { range, shape });
        }
    }

    fn within(&mut self, fixed: bool, visit: impl FnOnce(&mut Self)) {
        let before = std::mem::replace(&mut self.fixed, fixed);
        visit(self);
        self.fixed = before;
    }

    /// A function: constant ones are evaluated by the compiler, others are not, wherever they stand.
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block, visit: impl FnOnce(&mut Self)) {
        self.within(signature.constness.is_some(), |finder| {
            // Two bodies don't have one type between them, where it has no name.
            let is_named = !matches!(&signature.output, syn::ReturnType::Type(_, kind) if is_nameless(kind));
            if let Some(first) = block.stmts.first().filter(|_| is_named) {
                let start = first.span().byte_range().start;
                finder.found(Genre::FnValue, start, start..start, Shape::Body);
            }
            visit(finder);
        });
    }
}

impl<'a> Visit<'a> for Finder {
    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.sig, &item.block, |finder| syn::visit::visit_item_fn(finder, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        self.function(&item.sig, &item.block, |finder| syn::visit::visit_impl_item_fn(finder, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        let Some(block) = &item.default else { return };
        self.function(&item.sig, block, |finder| syn::visit::visit_trait_item_fn(finder, item));
    }

    fn visit_item_const(&mut self, item: &'a syn::ItemConst) {
        self.within(true, |finder| syn::visit::visit_item_const(finder, item));
    }

    fn visit_impl_item_const(&mut self, item: &'a syn::ImplItemConst) {
        self.within(true, |finder| syn::visit::visit_impl_item_const(finder, item));
    }

    fn visit_trait_item_const(&mut self, item: &'a syn::TraitItemConst) {
        self.within(true, |finder| syn::visit::visit_trait_item_const(finder, item));
    }

    fn visit_item_static(&mut self, item: &'a syn::ItemStatic) {
        self.within(true, |finder| syn::visit::visit_item_static(finder, item));
    }

    fn visit_variant(&mut self, variant: &'a syn::Variant) {
        self.within(true, |finder| syn::visit::visit_variant(finder, variant));
    }

    fn visit_type(&mut self, kind: &'a syn::Type) {
        self.within(true, |finder| syn::visit::visit_type(finder, kind));
    }

    fn visit_generic_argument(&mut self, argument: &'a syn::GenericArgument) {
        self.within(true, |finder| syn::visit::visit_generic_argument(finder, argument));
    }

    fn visit_expr_const(&mut self, block: &'a syn::ExprConst) {
        self.within(true, |finder| syn::visit::visit_expr_const(finder, block));
    }

    fn visit_expr_repeat(&mut self, repeat: &'a syn::ExprRepeat) {
        self.visit_expr(&repeat.expr);
        self.within(true, |finder| finder.visit_expr(&repeat.len));
    }

    fn visit_pat(&mut self, pattern: &'a syn::Pat) {
        // The condition of an arm is part of its pattern, and yet evaluated when the program runs.
        let fixed = self.fixed || !matches!(pattern, syn::Pat::Guard(_));
        self.within(fixed, |finder| syn::visit::visit_pat(finder, pattern));
    }

    fn visit_pat_guard(&mut self, pattern: &'a syn::PatGuard) {
        let guard = pattern.guard.span().byte_range();
        if !has_let(&pattern.guard) {
            self.found(Genre::MatchArmGuard, guard.start, guard, Shape::Value);
        }
        syn::visit::visit_pat_guard(self, pattern);
    }

    fn visit_expr_binary(&mut self, binary: &'a syn::ExprBinary) {
        if !has_let(&binary.left) && !has_let(&binary.right) {
            let at = binary.op.span().byte_range().start;
            self.found(Genre::BinaryOperator, at, binary.span().byte_range(), Shape::Value);
        }
        syn::visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_unary(&mut self, unary: &'a syn::ExprUnary) {
        let at = unary.op.span().byte_range().start;
        self.found(Genre::UnaryOperator, at, unary.span().byte_range(), Shape::Value);
        syn::visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_match(&mut self, choice: &'a syn::ExprMatch) {
        for arm in &choice.arms {
            let at = arm.span().byte_range().start;
            self.found(Genre::MatchArm, at, choice.span().byte_range(), Shape::Block);
        }
        syn::visit::visit_expr_match(self, choice);
    }

    fn visit_expr_struct(&mut self, literal: &'a syn::ExprStruct) {
        for field in &literal.fields {
            let at = field.span().byte_range().start;
            self.found(Genre::StructField, at, literal.span().byte_range(), Shape::Value);
        }
        syn::visit::visit_expr_struct(self, literal);
    }
}

/// Whether there is an `impl` in the type.
fn is_nameless(kind: &syn::Type) -> bool {
    struct Impl(bool);
    impl<'a> Visit<'a> for Impl {
        fn visit_type_impl_trait(&mut self, _: &'a syn::TypeImplTrait) {
            self.0 = true;
        }
    }
    let mut found = Impl(false);
    found.visit_type(kind);
    found.0
}

/// Whether the expression binds names for what follows it.
fn has_let(expression: &Expr) -> bool {
    match expression {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, genre: Genre) -> Vec<&str> {
        let mut ranges: Vec<_> =
            find(text).unwrap().into_iter().filter(|((g, _), _)| *g == genre).map(|(_, site)| site.range).collect();
        ranges.sort_by_key(|range| (range.start, range.end));
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn operators_have_the_expression_around_them() {
        let text = "fn f(a: bool) -> bool { a && !(1 + 2 == 3) }";
        assert_eq!(found(text, Genre::BinaryOperator), ["a && !(1 + 2 == 3)", "1 + 2", "1 + 2 == 3"]);
        assert_eq!(found(text, Genre::UnaryOperator), ["!(1 + 2 == 3)"]);
    }

    #[test]
    fn what_the_compiler_evaluates_is_left_out() {
        let text = "const A: u8 = 1 + 2; const fn f() -> u8 { 3 + 4 } static B: [u8; 5 + 6] = [0; 7 + 8]; \
                    fn g(x: i8) -> bool { matches!(x, 1); match x { -1 => false, _ if x > 9 => true, _ => false } }";
        assert_eq!(found(text, Genre::BinaryOperator), ["x > 9"]);
        assert_eq!(found(text, Genre::UnaryOperator), [""; 0]);
        assert_eq!(found(text, Genre::FnValue).len(), 1);
        assert_eq!(found(text, Genre::MatchArmGuard), ["x > 9"]);
    }

    #[test]
    fn a_type_without_a_name_has_one_body() {
        let text = "fn f() -> Option<impl Fn()> { None } fn g() -> Vec<u8> { vec![1] }";
        let vec = text.find("vec!").unwrap();
        assert_eq!(find(text).unwrap().into_keys().collect::<Vec<_>>(), [(Genre::FnValue, vec)]);
    }

    #[test]
    fn a_chain_is_not_torn_from_its_names() {
        let text = "fn f(a: Option<u8>) { if a.is_some() && 1 < 2 && let Some(x) = a && x > 3 {} }";
        assert_eq!(found(text, Genre::BinaryOperator), ["a.is_some() && 1 < 2", "1 < 2", "x > 3"]);
    }
}
