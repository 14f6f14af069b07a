"""DeepSeek-OCR version 1 and its small sizes: SAM and CLIP read the page, a mixture-of-experts decoder writes."""
