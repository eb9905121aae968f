/** The panel's page: one script, one style sheet, and a policy that allows nothing else. */

export interface PageParts {
  readonly script: string;
  readonly style: string;
  /** The source expression of the panel's own resources. */
  readonly source: string;
  readonly nonce: string;
}

export function panelPage({ script, style, source, nonce }: PageParts): string {
  const policy = [
    `default-src 'none'`,
    `style-src ${source} 'nonce-${nonce}'`,
    `font-src ${source}`,
    `img-src ${source} data: blob:`,
    `script-src 'nonce-${nonce}'`,
  ].join('; ');
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta property="csp-nonce" content="${nonce}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${style}">
<title>Longsight</title>
</head>
<body>
<div id="app"></div>
<script nonce="${nonce}" type="module" src="${script}"></script>
</body>
</html>
`;
}
