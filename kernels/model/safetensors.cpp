#include "kernels/model/safetensors.hpp"

#include "kernels/model/mapped_file.hpp"
#include "kernels/model/safetensors_header.hpp"
#include "kernels/model/strict_json.hpp"

#include <cstring>
#include <utility>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "safetensors is little-endian and is used in place");

namespace freshet::model {
namespace {

constexpr std::size_t length_bytes = 8;
constexpr std::size_t base_alignment = 8;  // the widest item

}  // namespace

result<safetensors_file> safetensors_file::open(const std::filesystem::path& path, mapping kind) {
  FRESHET_TRY_ASSIGN(const std::shared_ptr<const mapped_file> file, mapped_file::open(path, kind));
  return parse(file, file->data(), file->bytes(), path.string());
}

result<safetensors_file> safetensors_file::from_bytes(const host_tensor& bytes, std::string origin) {
  if (bytes.type() != dtype::u8) {
    return error{errc::invalid_argument, origin + ": expected u8 items, got " + std::string(name(bytes.type()))};
  }
  // Bytes cut out of a larger message may lie anywhere; their tensors are used in place.
  const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % base_alignment == 0;
  const host_tensor held = aligned ? bytes : host_tensor::copy_of(dtype::u8, bytes.shape(), bytes.data());
  return parse(held.owner(), held.data(), held.bytes(), std::move(origin));
}

result<safetensors_file> safetensors_file::parse(std::shared_ptr<const void> owner, const std::uint8_t* data,
                                                 std::size_t bytes, std::string origin) {
  if (bytes < length_bytes) {
    return error{errc::truncated, origin + ": " + std::to_string(bytes) + " bytes, a safetensors file has at least 8"};
  }
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, data, length_bytes);
  if (header_bytes > most_header_bytes) {
    return error{errc::too_large, origin + ": the header claims " + std::to_string(header_bytes) + " bytes, at most " +
                                      std::to_string(most_header_bytes) + " are accepted"};
  }
  if (header_bytes > bytes - length_bytes) {
    return error{errc::truncated, origin + ": the header claims " + std::to_string(header_bytes) + " bytes, " +
                                      std::to_string(bytes - length_bytes) + " follow"};
  }
  const std::size_t data_offset = length_bytes + static_cast<std::size_t>(header_bytes);
  const std::string_view text(reinterpret_cast<const char*>(data) + length_bytes, data_offset - length_bytes);
  FRESHET_TRY_ASSIGN(safetensors_header header,
                     parse_safetensors_header(text, bytes - data_offset, data_offset, origin));
  safetensors_file file;
  file.origin_ = std::move(origin);
  file.owner_ = std::move(owner);
  file.data_ = data + data_offset;
  file.tensors_ = std::move(header.tensors);
  file.metadata_ = std::move(header.metadata);
  file.index_.reserve(file.tensors_.size());
  for (std::size_t i = 0; i < file.tensors_.size(); ++i) file.index_.emplace(file.tensors_[i].name, i);
  return file;
}

const tensor_entry* safetensors_file::find(std::string_view name) const {
  const auto at = index_.find(std::string(name));
  return at == index_.end() ? nullptr : &tensors_[at->second];
}

result<host_tensor> safetensors_file::get(std::string_view name) const {
  const tensor_entry* entry = find(name);
  if (entry == nullptr) return error{errc::not_found, origin_ + ": tensor " + in_quotes(name)};
  if (!entry->type) {
    return error{errc::unsupported, origin_ + ": tensor " + in_quotes(name) + ": dtype " + entry->dtype_name +
                                        " has no counterpart here; U8, I8 to I64, F16, BF16, F32 and F64 do"};
  }
  return host_tensor::adopt(*entry->type, entry->shape, owner_, data_ + entry->begin, entry->end - entry->begin);
}

}  // namespace freshet::model
