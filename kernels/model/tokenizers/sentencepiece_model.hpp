// Reads tokenizer.model, SentencePiece's file (a protobuf, sentencepiece_model.proto), for the byte-pair models
// of Llama-2, Mistral and their kin, as a tokenizer framed as transformers' LlamaTokenizer frames it.
//
// The library itself is not linked: Debian's brings a protobuf of its own whose symbols are those of LibTorch's
// other one. Tests hold this reader to the library in a program without LibTorch.
//
// Refused by name: Unigram and other models, character maps (nmt_nfkc), pieces that are unused or user-defined,
// white space that is removed or not escaped. Limits: 16 MiB, 1 million pieces, 256 bytes a piece.
// Thread contract: free functions without state.
#pragma once

#include "kernels/base/result.hpp"
#include "kernels/model/tokenizers/bpe_tokenizer.hpp"
#include "kernels/model/tokenizers/tokenizer_settings.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::model {

enum class piece_kind : std::uint8_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

struct scored_piece {
  std::string text;
  float score = 0;
  piece_kind kind = piece_kind::normal;
};

struct sentencepiece_model {
  std::vector<scored_piece> pieces;  ///< by id
  bool byte_fallback = false;
  bool dummy_prefix = true;  ///< a space goes before each text
};

constexpr std::size_t most_sentencepiece_bytes = std::size_t{16} << 20;

/// errc::truncated, corrupt, too_large or unsupported; `origin` stands first.
result<sentencepiece_model> parse_sentencepiece_model(std::string_view bytes, const std::string& origin);

/// The tokenizer, with what the settings add; begins a whole text with <s> unless they say otherwise.
result<std::shared_ptr<const tokenizer>> make_sentencepiece_tokenizer(std::string_view bytes, const std::string& origin,
                                                                      const tokenizer_settings& settings = {});

}  // namespace freshet::model
