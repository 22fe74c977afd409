#include "actors/distiller/distiller_state.hpp"

#include <charconv>

#include "actors/offer_content.hpp"
#include "kernels/model/safetensors.hpp"

namespace freshet::actors {
namespace {

result<std::uint64_t> number(const model::safetensors_file& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  if (found == file.metadata().end()) return error{errc::corrupt, file.origin() + ": no " + key};
  std::uint64_t value = 0;
  const char* end = found->second.data() + found->second.size();
  const auto parsed = std::from_chars(found->second.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end) {
    return error{errc::corrupt, file.origin() + ": " + key + " is \"" + found->second + "\", not a number"};
  }
  return value;
}

// Over all that the file says: safetensors itself would not notice a flipped bit in a weight.
std::uint64_t seal_of(const distiller_state& state) {
  std::string names = std::to_string(state.line.value) + " " + std::to_string(state.committed.value) + " " +
                      std::to_string(state.samples);
  const auto add = [&](const std::string& name, const host_tensor& t) {
    names += " " + name + " " + std::to_string(hash_content(t.data(), t.bytes()).value);
  };
  add("mirror", state.mirror);
  add("learned", state.learned);
  for (const auto& [name, tensor] : state.optimiser) add(name, tensor);
  return hash_content(reinterpret_cast<const std::uint8_t*>(names.data()), names.size()).value;
}

}  // namespace

result<void> save_state(const std::filesystem::path& file, const distiller_state& state) {
  std::vector<model::named_tensor> tensors{{"mirror", state.mirror}, {"learned", state.learned}};
  for (const auto& [name, tensor] : state.optimiser) tensors.push_back({name, tensor});
  return model::write_safetensors(file, tensors,
                                  {{"kind", "freshet distiller 1"},
                                   {"seal", std::to_string(seal_of(state))},
                                   {"line", std::to_string(state.line.value)},
                                   {"version", std::to_string(state.committed.value)},
                                   {"samples", std::to_string(state.samples)}});
}

result<std::optional<distiller_state>> load_state(const std::filesystem::path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return std::optional<distiller_state>();
  FRESHET_TRY_ASSIGN(const model::safetensors_file stored, model::safetensors_file::open(file));
  distiller_state state;
  FRESHET_TRY_ASSIGN(const std::uint64_t line, number(stored, "line"));
  FRESHET_TRY_ASSIGN(const std::uint64_t committed, number(stored, "version"));
  FRESHET_TRY_ASSIGN(state.samples, number(stored, "samples"));
  state.line = content_hash(line);
  state.committed = version(committed);
  for (const auto& entry : stored.tensors()) {
    FRESHET_TRY_ASSIGN(host_tensor tensor, stored.get(entry.name));
    if (entry.name == "mirror") {
      state.mirror = std::move(tensor);
    } else if (entry.name == "learned") {
      state.learned = std::move(tensor);
    } else {
      state.optimiser.emplace_back(entry.name, std::move(tensor));
    }
  }
  if (state.mirror.type() != dtype::f32 || state.learned.type() != dtype::f32 ||
      state.mirror.items() != state.learned.items()) {
    return error{errc::corrupt, file.string() + ": mirror and learned values do not match"};
  }
  // Files of 0.1 have no seal.
  if (stored.metadata().count("seal") != 0) {
    FRESHET_TRY_ASSIGN(const std::uint64_t seal, number(stored, "seal"));
    if (seal != seal_of(state)) return error{errc::hash_mismatch, file.string()};
  }
  return std::optional<distiller_state>(std::move(state));
}

}  // namespace freshet::actors
