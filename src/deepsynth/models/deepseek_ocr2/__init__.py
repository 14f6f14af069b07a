"""DeepSeek-OCR version 2: a language-model-like encoder asks the page questions; the decoder is version 1's."""
