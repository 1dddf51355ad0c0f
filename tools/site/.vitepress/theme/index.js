import { withBase } from 'vitepress';
import DefaultTheme from 'vitepress/theme';
import { h } from 'vue';
import './style.css';

/** The playground in a page: `<Playground />` in Markdown. */
const Playground = () => {
  const src = withBase('/try/index.html');
  return h('div', { class: 'playground' }, [
    h('p', h('a', { href: src, target: '_blank' }, 'Open it in a tab of its own')),
    h('iframe', { src, title: 'Playground' }),
  ]);
};

export default {
  extends: DefaultTheme,
  enhanceApp: ({ app }) => void app.component('Playground', Playground),
};
