/** A short text that several suites inspect. */

export const NAME = 'harbour.md';

export const HARBOUR = `# The harbour

The old harbour lies behind the hill, where the river meets the sea. Every morning the boats
leave before the sun is up, and every evening they come home with the tide. The harbour master
keeps a book, and in the book she writes the name of every boat, the hour it left, and the hour it
came back.

## The book

One winter the book was lost. The boats left and came home as before, but nobody knew which boat
was out and which boat was home. The harbour master asked the fishermen, and the fishermen asked
their children, and the children remembered everything.

## The children

They remembered the name of every boat and the hour it left. So the harbour master wrote a new
book, and in the new book she wrote the names of the children too.
`;
