export default function Page() {
  return 'a page of Next.js';
}
