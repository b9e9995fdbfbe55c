import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['lib', 'node_modules', '*.mjs'] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { project: './tsconfig.test.json' }
    },
    rules: {
      '@typescript-eslint/no-empty-function': 'off',
      eqeqeq: 'error'
    }
  }
);
