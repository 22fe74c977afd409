#include "kernels/model/safetensors.hpp"
#include "kernels/model/safetensors_header.hpp"
#include "kernels/model/strict_json.hpp"
#include "kernels/model/whole_file.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <unordered_set>

namespace freshet::model {
namespace {

constexpr std::size_t header_alignment = 8;
constexpr std::size_t prefix_bytes = 8;
// Quantised matrices are used where the file is mapped, by vectors of this size. A file that has them says so in
// its metadata; all others lie as the format's own library writes them.
constexpr std::size_t cache_line_bytes = 64;
constexpr const char* alignment_key = "alignment";

bool fills_lines(const named_tensor& t) { return !t.tensor.empty() && t.tensor.bytes() % cache_line_bytes == 0; }

// A file that is ready but for its bytes: length and header, then the tensors in the order of the data.
struct layout {
  std::string prefix;
  std::vector<std::size_t> order;
};

result<std::string> json_string(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {  // the only way in which the library reports bad UTF-8
    return error{errc::invalid_argument, in_quotes(text) + " is not valid UTF-8"};
  }
}

result<void> check_names(const std::vector<named_tensor>& tensors) {
  std::unordered_set<std::string> seen;
  for (const auto& [name, tensor] : tensors) {
    if (name == "__metadata__") return error{errc::invalid_argument, "the tensor name __metadata__ is reserved"};
    if (!seen.insert(name).second) {
      return error{errc::invalid_argument, "the tensor " + in_quotes(name) + " is given twice"};
    }
  }
  return {};
}

result<std::string> metadata_json(const std::map<std::string, std::string>& metadata) {
  std::string out = "\"__metadata__\":{";
  for (const auto& [name, value] : metadata) {
    FRESHET_TRY_ASSIGN(const std::string quoted_name, json_string(name));
    FRESHET_TRY_ASSIGN(const std::string quoted_value, json_string(value));
    if (out.back() != '{') out += ',';
    out += quoted_name + ":" + quoted_value;
  }
  return out + "}";
}

result<std::string> entry_json(const named_tensor& named, std::size_t begin) {
  FRESHET_TRY_ASSIGN(std::string out, json_string(named.name));
  out += ":{\"dtype\":\"" + std::string(safetensors_dtype_name(named.tensor.type())) + "\",\"shape\":[";
  for (const std::int64_t d : named.tensor.shape()) out += (out.back() == '[' ? "" : ",") + std::to_string(d);
  return out + "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(begin + named.tensor.bytes()) +
         "]}";
}

result<layout> lay_out(const std::vector<named_tensor>& tensors, const std::map<std::string, std::string>& metadata) {
  FRESHET_TRY(check_names(tensors));
  layout out;
  out.order.resize(tensors.size());
  std::iota(out.order.begin(), out.order.end(), std::size_t{0});
  const auto asked = metadata.find(alignment_key);
  const bool by_lines = asked != metadata.end() && asked->second == std::to_string(cache_line_bytes);
  // By lines, what fills whole ones comes first: all of it then begins at one. Of the rest, every item size divides
  // the larger ones, so falling sizes keep all tensors aligned without a hole.
  std::stable_sort(out.order.begin(), out.order.end(), [&](std::size_t a, std::size_t b) {
    if (by_lines && fills_lines(tensors[a]) != fills_lines(tensors[b])) return fills_lines(tensors[a]);
    return item_bytes(tensors[a].tensor.type()) > item_bytes(tensors[b].tensor.type());
  });
  std::vector<std::size_t> begin(tensors.size());
  std::size_t next = 0;
  for (const std::size_t i : out.order) {
    begin[i] = next;
    next += tensors[i].tensor.bytes();
  }
  std::string header = "{";
  if (!metadata.empty()) {
    FRESHET_TRY_ASSIGN(const std::string text, metadata_json(metadata));
    header += text;
  }
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    FRESHET_TRY_ASSIGN(const std::string text, entry_json(tensors[i], begin[i]));
    if (header.size() > 1) header += ',';
    header += text;
  }
  header += '}';
  const std::size_t alignment = by_lines ? cache_line_bytes : header_alignment;
  header.append((alignment - (prefix_bytes + header.size()) % alignment) % alignment, ' ');
  if (header.size() > most_header_bytes) {
    return error{errc::too_large, "a header of " + std::to_string(header.size()) + " bytes; at most " +
                                      std::to_string(most_header_bytes) + " could be read again"};
  }
  const auto header_bytes = static_cast<std::uint64_t>(header.size());
  out.prefix.resize(sizeof header_bytes);
  std::memcpy(out.prefix.data(), &header_bytes, sizeof header_bytes);
  out.prefix += header;
  return out;
}

std::vector<byte_piece> pieces_of(const layout& plan, const std::vector<named_tensor>& tensors) {
  std::vector<byte_piece> pieces{{plan.prefix.data(), plan.prefix.size()}};
  for (const std::size_t i : plan.order) {
    if (!tensors[i].tensor.empty()) pieces.push_back({tensors[i].tensor.data(), tensors[i].tensor.bytes()});
  }
  return pieces;
}

}  // namespace

result<std::vector<std::uint8_t>> encode_safetensors(const std::vector<named_tensor>& tensors,
                                                     const std::map<std::string, std::string>& metadata) {
  FRESHET_TRY_ASSIGN(const layout plan, lay_out(tensors, metadata));
  std::vector<std::uint8_t> out;
  for (const auto& piece : pieces_of(plan, tensors)) {
    const auto* bytes = static_cast<const std::uint8_t*>(piece.data);
    out.insert(out.end(), bytes, bytes + piece.bytes);
  }
  return out;
}

result<void> write_safetensors(const std::filesystem::path& path, const std::vector<named_tensor>& tensors,
                               const std::map<std::string, std::string>& metadata) {
  const auto plan = lay_out(tensors, metadata);
  if (!plan.ok()) return error{plan.err().code, path.string() + ": " + plan.err().context};
  return write_whole_file(path, pieces_of(*plan, tensors));
}

}  // namespace freshet::model
