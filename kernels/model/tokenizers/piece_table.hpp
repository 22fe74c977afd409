// What each id of a vocabulary adds to decoded text, and the two ways in which texts grow from it.
// Thread contract: a table is immutable once filled; streams are their callers' and refer to a table.
#pragma once

#include "kernels/model/tokenizer.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace freshet::model {

enum class text_growth : std::uint8_t {
  bytes,   ///< pieces are bytes, UTF-8 only together (GPT-2's byte level)
  pieces,  ///< pieces are text, but for single bytes, of which a run is text together or not at all (byte fallback)
};

struct decoded_piece {
  std::string text;            ///< bytes or text
  bool present = false;        ///< an id without a piece reads as U+FFFD
  bool special = false;
  bool single_byte = false;    ///< text is one byte of byte fallback
};

struct piece_table {
  text_growth growth = text_growth::bytes;
  std::string strip;                ///< pieces: what is taken away at the front of a text...
  std::size_t strip_times = 0;      ///< ...at most this many times
  std::string drop_in_first;        ///< pieces: what the first token loses wherever it has it (Metaspace), or empty
  std::vector<decoded_piece> pieces;  ///< by id

  [[nodiscard]] std::unique_ptr<text_stream> stream(special_text specials) const;
};

/// `text` with every `from` replaced.
[[nodiscard]] std::string replaced(std::string_view text, std::string_view from, std::string_view to);

}  // namespace freshet::model
