#include "kernels/model/checkpoint.hpp"

#include "kernels/model/strict_json.hpp"
#include "kernels/model/whole_file.hpp"

#include <utility>

namespace freshet::model {
namespace {

constexpr std::size_t most_index_bytes = std::size_t{64} << 20;
constexpr std::size_t most_shards = 4096;

// A shard stands in the folder itself: an index must not reach out of it.
bool is_shard_name(const std::string& file) {
  constexpr std::string_view extension = ".safetensors";
  return file.size() > extension.size() && file.find('/') == std::string::npos &&
         file.find('\0') == std::string::npos &&
         file.compare(file.size() - extension.size(), extension.size(), extension) == 0;
}

}  // namespace

result<checkpoint> checkpoint::open(const std::filesystem::path& folder, std::string_view stem, mapping kind) {
  const auto single = folder / (std::string(stem) + ".safetensors");
  const auto index = folder / (std::string(stem) + ".safetensors.index.json");
  std::error_code ignored;
  if (!std::filesystem::exists(single, ignored)) {
    if (std::filesystem::exists(index, ignored)) return open_shards(folder, index, kind);
    return error{errc::not_found, folder.string() + ": holds neither " + single.filename().string() + " nor " +
                                      index.filename().string()};
  }
  FRESHET_TRY_ASSIGN(safetensors_file file, safetensors_file::open(single, kind));
  checkpoint out;
  out.origin_ = single.string();
  for (const auto& entry : file.tensors()) {
    out.names_.push_back(entry.name);
    out.file_of_.emplace(entry.name, 0);
  }
  out.files_.push_back(std::move(file));
  return out;
}

result<checkpoint> checkpoint::open_shards(const std::filesystem::path& folder, const std::filesystem::path& index,
                                           mapping kind) {
  const std::string origin = index.string();
  FRESHET_TRY_ASSIGN(const std::string text, read_whole_file(index, most_index_bytes));
  FRESHET_TRY_ASSIGN(const nlohmann::json document, parse_json(text, origin));
  if (!document.is_object() || !document.contains("weight_map") || !document["weight_map"].is_object() ||
      document["weight_map"].empty()) {
    return error{errc::corrupt, origin + ": weight_map must be an object that maps tensor names to shard files"};
  }
  checkpoint out;
  out.origin_ = origin;
  std::map<std::string, std::size_t> opened;
  for (const auto& [name, value] : document["weight_map"].items()) {
    if (!value.is_string() || !is_shard_name(value.get_ref<const std::string&>())) {
      return error{errc::corrupt, origin + ": weight_map[" + in_quotes(name) +
                                      "] must be the name of a .safetensors file in the same folder"};
    }
    const auto& file = value.get_ref<const std::string&>();
    auto at = opened.find(file);
    if (at == opened.end()) {
      if (opened.size() == most_shards) {
        return error{errc::too_large, origin + ": more than " + std::to_string(most_shards) + " shards"};
      }
      FRESHET_TRY_ASSIGN(safetensors_file shard, safetensors_file::open(folder / file, kind));
      at = opened.emplace(file, out.files_.size()).first;
      out.files_.push_back(std::move(shard));
    }
    if (out.files_[at->second].find(name) == nullptr) {
      return error{errc::corrupt, origin + ": tensor " + in_quotes(name) + " is not in its shard " + in_quotes(file)};
    }
    out.names_.push_back(name);
    out.file_of_.emplace(name, at->second);
  }
  return out;
}

const tensor_entry* checkpoint::find(std::string_view name) const {
  const auto at = file_of_.find(name);
  return at == file_of_.end() ? nullptr : files_[at->second].find(name);
}

const std::string& checkpoint::file_of(std::string_view name) const {
  const auto at = file_of_.find(name);
  return at == file_of_.end() ? origin_ : files_[at->second].origin();
}

result<host_tensor> checkpoint::get(std::string_view name) const {
  const auto at = file_of_.find(name);
  if (at == file_of_.end()) return error{errc::not_found, origin_ + ": tensor " + in_quotes(name)};
  return files_[at->second].get(name);
}

}  // namespace freshet::model
