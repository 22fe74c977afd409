#include "kernels/model/safetensors_header.hpp"

#include "kernels/model/strict_json.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace freshet::model {
namespace {

constexpr std::size_t most_dimensions = 32;
constexpr std::size_t most_tensors = 1'000'000;

struct dtype_row {
  std::string_view name;
  std::size_t item_bytes;
  std::optional<dtype> type;
};
constexpr std::array<dtype_row, 15> dtypes{{
    {"U8", 1, dtype::u8},
    {"I8", 1, dtype::i8},
    {"I16", 2, dtype::i16},
    {"I32", 4, dtype::i32},
    {"I64", 8, dtype::i64},
    {"F16", 2, dtype::f16},
    {"BF16", 2, dtype::bf16},
    {"F32", 4, dtype::f32},
    {"F64", 8, dtype::f64},
    {"BOOL", 1, std::nullopt},
    {"U16", 2, std::nullopt},
    {"U32", 4, std::nullopt},
    {"U64", 8, std::nullopt},
    {"F8_E4M3", 1, std::nullopt},
    {"F8_E5M2", 1, std::nullopt},
}};

const dtype_row* row_of(std::string_view dtype_name) {
  for (const auto& row : dtypes) {
    if (row.name == dtype_name) return &row;
  }
  return nullptr;
}

// Reads the header event by event: a document tree would cost many times the bytes of a hostile header.
class header_reader {
 public:
  explicit header_reader(std::string_view origin) : origin_(origin) {}

  bool null() { return unexpected("null"); }
  bool boolean(bool) { return unexpected("true or false"); }
  bool number_integer(std::int64_t value) { return unexpected("the negative number " + std::to_string(value)); }
  bool number_float(double, const std::string& digits) { return unexpected("the number " + in_quotes(digits)); }
  bool binary(std::vector<std::uint8_t>&) { return unexpected("binary"); }

  bool number_unsigned(std::uint64_t value) {
    if (place_ == place::shape) {
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
        return fail(errc::too_large, "shape holds " + std::to_string(value));
      }
      if (entry_.shape.size() == most_dimensions) {
        return fail(errc::too_large, "more than " + std::to_string(most_dimensions) + " dimensions");
      }
      entry_.shape.push_back(static_cast<std::int64_t>(value));
      return true;
    }
    if (place_ == place::offsets && offsets_ < 2) {
      (offsets_++ == 0 ? entry_.begin : entry_.end) = value;
      return true;
    }
    return unexpected("the number " + std::to_string(value));
  }

  bool string(std::string& value) {
    if (place_ == place::metadata) {
      header_.metadata[key_] = std::move(value);
      return true;
    }
    if (place_ != place::tensor || key_ != "dtype") return unexpected("the string " + in_quotes(value));
    const dtype_row* row = row_of(value);
    if (row == nullptr) return fail(errc::unsupported, "unknown dtype " + in_quotes(value));
    entry_.type = row->type;
    entry_.dtype_name = std::move(value);
    return true;
  }

  bool start_object(std::size_t) {
    if (place_ == place::outside) {
      place_ = place::top;
      return true;
    }
    if (place_ != place::top) return unexpected("an object");
    inner_keys_.clear();
    if (key_ == "__metadata__") {
      place_ = place::metadata;
      return true;
    }
    if (header_.tensors.size() == most_tensors) {
      return fail(errc::too_large, "more than " + std::to_string(most_tensors) + " tensors");
    }
    place_ = place::tensor;
    entry_ = {};
    entry_.name = key_;
    offsets_ = 0;
    return true;
  }

  bool end_object() {
    if (place_ == place::tensor) {
      for (const char* needed : {"dtype", "shape", "data_offsets"}) {
        if (inner_keys_.count(needed) == 0) return fail(errc::corrupt, std::string(needed) + " is missing");
      }
      if (entry_.end < entry_.begin) {
        return fail(errc::corrupt, "data_offsets run backwards, from " + std::to_string(entry_.begin) + " to " +
                                       std::to_string(entry_.end));
      }
      header_.tensors.push_back(std::move(entry_));
    }
    place_ = place_ == place::top ? place::outside : place::top;
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ != place::tensor || (key_ != "shape" && key_ != "data_offsets")) return unexpected("a list");
    place_ = key_ == "shape" ? place::shape : place::offsets;
    return true;
  }

  bool end_array() {
    if (place_ == place::offsets && offsets_ != 2) {
      return fail(errc::corrupt, "data_offsets must be [begin, end]");
    }
    place_ = place::tensor;
    return true;
  }

  bool key(std::string& name) {
    auto& seen = place_ == place::top ? top_keys_ : inner_keys_;
    if (!seen.insert(name).second) {
      return fail(errc::corrupt,
                  (place_ == place::top ? "the tensor " : "the key ") + in_quotes(name) + " appears twice");
    }
    if (place_ == place::tensor && name != "dtype" && name != "shape" && name != "data_offsets") {
      return fail(errc::corrupt, "unknown key " + in_quotes(name));
    }
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    place_ = place::outside;
    return fail(errc::corrupt,
                "the header is not valid JSON at byte " + std::to_string(position == 0 ? 0 : position - 1));
  }

  [[nodiscard]] const error& failure() const { return failure_; }
  safetensors_header take() { return std::move(header_); }

 private:
  enum class place { outside, top, metadata, tensor, shape, offsets };

  bool unexpected(const std::string& what) {
    if (place_ == place::outside) return fail(errc::corrupt, "the header must be a JSON object");
    if (place_ == place::top) return fail(errc::corrupt, in_quotes(key_) + " must be an object, found " + what);
    if (place_ == place::metadata)
      return fail(errc::corrupt, "metadata " + in_quotes(key_) + " must be a string, found " + what);
    return fail(errc::corrupt, key_ + " cannot hold " + what);
  }
  bool fail(errc code, const std::string& what) {
    const bool in_tensor = place_ == place::tensor || place_ == place::shape || place_ == place::offsets;
    failure_ =
        error{code, std::string(origin_) + ": " + (in_tensor ? "tensor " + in_quotes(entry_.name) + ": " : "") + what};
    return false;
  }

  std::string_view origin_;
  place place_ = place::outside;
  std::string key_;
  std::unordered_set<std::string> top_keys_;
  std::unordered_set<std::string> inner_keys_;
  tensor_entry entry_;
  int offsets_ = 0;
  safetensors_header header_;
  error failure_{errc::corrupt, ""};
};

result<void> check_size(const tensor_entry& entry) {
  FRESHET_TRY_ASSIGN(const std::size_t items, shape_items(entry.shape));
  const std::size_t item = row_of(entry.dtype_name)->item_bytes;  // shape_items leaves room for this product
  const std::size_t range = entry.end - entry.begin;
  if (items * item == range) return {};
  return error{errc::shape_mismatch, "dtype and shape need " + std::to_string(items * item) +
                                         " bytes, data_offsets span " + std::to_string(range)};
}

// The ranges, sorted, must tile [0, data_bytes).
result<void> check_ranges(const std::vector<tensor_entry>& tensors, std::size_t data_bytes, std::size_t data_offset,
                          std::string_view origin) {
  const auto at = [&](const tensor_entry& entry) { return std::string(origin) + ": tensor " + in_quotes(entry.name); };
  std::vector<const tensor_entry*> sorted;
  sorted.reserve(tensors.size());
  for (const auto& entry : tensors) sorted.push_back(&entry);
  std::sort(sorted.begin(), sorted.end(), [](const tensor_entry* a, const tensor_entry* b) {
    return std::tie(a->begin, a->end, a->name) < std::tie(b->begin, b->end, b->name);
  });
  std::size_t covered = 0;
  const tensor_entry* before = nullptr;
  for (const tensor_entry* entry : sorted) {
    if (entry->end > data_bytes) {
      return error{errc::truncated, at(*entry) + " ends at byte " + std::to_string(entry->end) +
                                        " of the data, the file holds " + std::to_string(data_bytes)};
    }
    if (entry->begin < covered) return error{errc::corrupt, at(*entry) + " overlaps " + in_quotes(before->name)};
    if (entry->begin > covered) {
      return error{errc::corrupt, at(*entry) + " leaves a hole before it, from byte " + std::to_string(covered) +
                                      " to " + std::to_string(entry->begin) + " of the data"};
    }
    const std::size_t item = row_of(entry->dtype_name)->item_bytes;
    if (entry->begin != entry->end && (data_offset + entry->begin) % item != 0) {
      return error{errc::unsupported, at(*entry) + " is not aligned to its " + std::to_string(item) +
                                          "-byte items; writing the file anew with a current safetensors aligns it"};
    }
    covered = entry->end;
    before = entry;
  }
  if (covered != data_bytes) {
    return error{errc::corrupt, std::string(origin) + ": " + std::to_string(data_bytes - covered) +
                                    " bytes after the last tensor belong to none"};
  }
  return {};
}

}  // namespace

std::string_view safetensors_dtype_name(dtype type) noexcept {
  for (const auto& row : dtypes) {
    if (row.type == type) return row.name;
  }
  return "unknown";
}

result<safetensors_header> parse_safetensors_header(std::string_view text, std::size_t data_bytes,
                                                    std::size_t data_offset, std::string_view origin) {
  if (text.empty() || text.front() != '{') {  // the format allows no space before it
    return error{errc::corrupt, std::string(origin) + ": the header must begin with '{'"};
  }
  header_reader reader(origin);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &reader)) return reader.failure();
  safetensors_header header = reader.take();
  for (const auto& entry : header.tensors) {
    const auto sized = check_size(entry);
    if (!sized.ok()) {
      return error{sized.err().code,
                   std::string(origin) + ": tensor " + in_quotes(entry.name) + ": " + sized.err().context};
    }
  }
  FRESHET_TRY(check_ranges(header.tensors, data_bytes, data_offset, origin));
  return header;
}

}  // namespace freshet::model
