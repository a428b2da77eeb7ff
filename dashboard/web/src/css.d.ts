// Style sheets are imported for their effect alone.
declare module "*.css";
// Their text, for tests.
declare module "*.css?raw" {
  const text: string;
  export default text;
}
