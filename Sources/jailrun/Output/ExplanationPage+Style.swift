extension ExplanationPage {
    /// Light and dark by the reader's own choice; one column on a phone, two on a desk.
    static let style = """
        :root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --paper: #fbfbf8; --card: #ffffff;
          --line: #d5d9df; --accent: #0b5cad; --lit: #fff1c2; --now: #e3effc; --host: #f1f0ea; --jail: #eef4ee; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #9aa6b5; --paper: #14181e; --card: #1b2129;
          --line: #39424e; --accent: #7bb6f5; --lit: #4a3f16; --now: #17324d; --host: #1f2226; --jail: #18241d; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
        code, pre, svg text { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 13px; }
        h1 { margin: 0; font-size: 1.5rem; } h2 { margin: 0 0 .3rem; font-size: 1rem; color: var(--soft); }
        h3 { margin: .1rem 0 .4rem; font-size: 1rem; } header p { margin: .2rem 0 .8rem; color: var(--soft); }
        a { color: var(--accent); }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
        .skip { position: absolute; left: -99rem; } .skip:focus { position: static; }
        .jails { padding: .6rem 1rem; border-bottom: 1px solid var(--line); display: flex; gap: 1rem; }
        .jail { padding: 1rem; max-width: 96rem; margin: 0 auto 2rem; }
        .source { margin-bottom: 1rem; }
        .source ol { margin: 0; padding: .5rem 0 .5rem 3rem; border: 1px solid var(--line); border-radius: 6px;
          background: var(--card); overflow: auto; max-height: 13rem; }
        .source li { white-space: pre; color: var(--soft); } .source a, .source code { color: var(--ink); }
        .source a { text-decoration-color: var(--line); text-underline-offset: 3px; }
        .lit { background: var(--lit); }
        figure { margin: 0; } svg { width: 100%; height: auto; display: block; }
        svg text { fill: var(--ink); font-size: 12px; }
        svg rect { fill: var(--card); stroke: var(--line); } svg .title { fill: var(--soft); font-size: 11px; }
        svg .frame rect { fill: var(--host); } svg .frame:nth-of-type(2) rect { fill: var(--jail); }
        svg .frame text { font-weight: bold; } svg .shared rect { stroke-dasharray: 4 3; fill: none; }
        svg path { fill: none; stroke: var(--soft); stroke-dasharray: 3 3; }
        svg .cable { stroke: var(--accent); stroke-width: 2.5; stroke-dasharray: none; }
        svg [data-part].later { opacity: 0; } svg text.now, svg .now text { fill: var(--accent); font-weight: bold; }
        svg .now rect { stroke: var(--accent); stroke-width: 2; } svg path.now { stroke: var(--accent); }
        .right > ol { list-style: none; margin: 0; padding: 0; }
        .part { padding: .7rem .9rem; margin: 0 0 .6rem; border: 1px solid var(--line); border-left: 4px solid var(--line);
          border-radius: 6px; background: var(--card); scroll-margin: 5rem; }
        .part.lit { border-left-color: #d9a400; background: var(--card); }
        .part[aria-current], .part:target { border-left-color: var(--accent); background: var(--now); }
        .subject { margin: 0; color: var(--soft); font-size: .85rem; } .subject span { float: right; }
        dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .2rem .8rem; margin: 0; font-size: .93rem; }
        dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
        pre { margin: 0; overflow: auto; max-height: 14rem; }
        details { margin-top: .5rem; font-size: .9rem; } summary { color: var(--soft); cursor: pointer; overflow-wrap: anywhere; }
        .calls { margin: .3rem 0 0; padding-left: 3rem; } .calls code { overflow-wrap: anywhere; }
        nav.steps:not([hidden]) { position: fixed; right: 1rem; bottom: 1rem; display: flex; gap: .4rem; align-items: center;
          padding: .35rem; border: 1px solid var(--line); border-radius: 8px; background: var(--card); }
        nav.steps output { min-width: 5rem; text-align: center; font-size: .9rem; }
        nav.steps button { font: inherit; min-width: 2.75rem; min-height: 2.75rem; cursor: pointer; }
        kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 .35rem; }
        @media (min-width: 60rem) {
          .jail { display: grid; grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); gap: 0 1.5rem; }
          header, .skip { grid-column: 1 / -1; } .left { position: sticky; top: 0; align-self: start; max-height: 100vh;
          overflow: auto; padding: .5rem 0; } svg { max-height: max(24rem, calc(100vh - 18.5rem)); }
        }
        @media (max-width: 60rem) { .walking figure { position: sticky; top: 0; z-index: 1; }
          .left { display: contents; } .walking svg { max-height: 42vh; background: var(--paper); }
          .part { scroll-margin-top: 45vh; } .jail { display: flex; flex-direction: column; }
          .right { padding-bottom: 4rem; } pre { white-space: pre-wrap; overflow-wrap: anywhere; } }
        @media (prefers-reduced-motion: no-preference) { svg [data-part] { transition: opacity .25s; } }
        @media print { nav.steps { display: none !important; } .source ol, pre { max-height: none; } }
        """
}
