// The tensors of a Hugging Face model folder, in one file or in shards:
//   model.safetensors                                  or
//   model.safetensors.index.json  {"weight_map": {tensor name: shard file name, ...}} + the shards
// The index is the truth: what a shard holds beyond it is not part of the checkpoint.
// Thread contract: an open checkpoint is immutable and may be read anywhere.
#pragma once

#include "kernels/base/host_tensor.hpp"
#include "kernels/base/result.hpp"
#include "kernels/model/safetensors.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace freshet::model {

class checkpoint {
 public:
  /// `stem` is "model" for models, "adapter_model" for PEFT adapters. Reads headers only.
  static result<checkpoint> open(const std::filesystem::path& folder, std::string_view stem = "model",
                                 mapping kind = mapping::read_only);

  /// One file: in its order. Shards: by name.
  [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }
  [[nodiscard]] bool contains(std::string_view name) const { return find(name) != nullptr; }
  [[nodiscard]] const tensor_entry* find(std::string_view name) const;
  /// The file that a tensor stands in, for messages; the origin where none has it.
  [[nodiscard]] const std::string& file_of(std::string_view name) const;
  [[nodiscard]] std::size_t files() const noexcept { return files_.size(); }
  /// A view without a copy that keeps its file mapped.
  [[nodiscard]] result<host_tensor> get(std::string_view name) const;
  /// The metadata of the single file or of the first shard.
  [[nodiscard]] const std::map<std::string, std::string>& metadata() const noexcept {
    return files_.front().metadata();
  }
  /// The file or index that was opened, for messages.
  [[nodiscard]] const std::string& origin() const noexcept { return origin_; }

 private:
  checkpoint() = default;
  static result<checkpoint> open_shards(const std::filesystem::path& folder, const std::filesystem::path& index,
                                        mapping kind);

  std::string origin_;
  std::vector<safetensors_file> files_;  // never empty
  std::vector<std::string> names_;
  std::map<std::string, std::size_t, std::less<>> file_of_;
};

}  // namespace freshet::model
