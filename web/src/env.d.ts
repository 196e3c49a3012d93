declare module "virtual:docs" {
  const list: { name: string; title: string }[];
  export default list;
}
