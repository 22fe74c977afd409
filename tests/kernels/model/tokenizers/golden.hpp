// Golden ids and texts of Hugging Face's tokenizers (tests/data/hf/tokenizers/README.md), and large files beside
// the checkout where they are.
#pragma once

#include "kernels/base/check.hpp"
#include "kernels/model/strict_json.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <zlib.h>

namespace freshet::model::test {

struct golden_line {
  std::string category;
  std::string text;
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> bare_ids;
  std::string decoded;
  std::string decoded_without_specials;
  std::vector<std::string> prefix_decodes;
};

inline std::string read_text(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  FRESHET_ENSURE(in.good(), path.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

inline std::string read_gz(const std::filesystem::path& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  FRESHET_ENSURE(file != nullptr, path.string() + " cannot be read");
  std::string out;
  char block[1 << 16];
  for (int got = 0; (got = gzread(file, block, sizeof block)) > 0;) out.append(block, static_cast<std::size_t>(got));
  FRESHET_ENSURE(gzclose(file) == Z_OK, path.string() + " is broken");
  return out;
}

inline std::filesystem::path small_tokenizers() {
  return std::filesystem::path(FRESHET_TEST_DATA) / "hf" / "tokenizers";
}

/// The folder of large ones; it may be absent.
inline std::filesystem::path large_tokenizers() {
  return std::filesystem::path(FRESHET_SOURCE_DIR) / ".." / "shared" / "fixtures" / "hf" / "tokenizers";
}

inline std::vector<golden_line> read_golden(const std::filesystem::path& folder) {
  std::ifstream in(folder / "golden.jsonl");
  std::vector<golden_line> out;
  for (std::string line; std::getline(in, line);) {
    const auto document = parse_json(line, folder.string());
    FRESHET_ENSURE(document.ok(), document.ok() ? "" : document.err().text());
    const nlohmann::json& item = *document;
    golden_line made;
    made.category = item.at("category").get<std::string>();
    made.text = item.at("text").get<std::string>();
    made.ids = item.at("ids").get<std::vector<std::int32_t>>();
    made.bare_ids = item.contains("ids_no_special") ? item.at("ids_no_special").get<std::vector<std::int32_t>>() : made.ids;
    made.decoded = item.at("decoded").get<std::string>();
    made.decoded_without_specials = item.at("decoded_skip_special").get<std::string>();
    if (item.contains("prefix_decodes")) made.prefix_decodes = item.at("prefix_decodes").get<std::vector<std::string>>();
    out.push_back(std::move(made));
  }
  return out;
}

}  // namespace freshet::model::test
