#include "actors/device/device_state.hpp"

#include <xxhash.h>

#include <charconv>
#include <string>
#include <system_error>
#include <utility>

#include "actors/put_aside.hpp"
#include "actors/workspace.hpp"
#include "kernels/base/fault_point.hpp"
#include "kernels/delta/layout.hpp"
#include "kernels/model/safetensors.hpp"
#include "kernels/model/whole_file.hpp"

namespace freshet::actors {
namespace {

constexpr const char* active_name = "active.safetensors";
constexpr const char* previous_name = "previous.safetensors";
constexpr const char* position_name = "position";
constexpr std::size_t most_position_bytes = 32;

result<std::uint64_t> read_number(std::string_view text, const std::string& what) {
  std::uint64_t n = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (problem != std::errc{} || end != text.data() + text.size()) {
    return error{errc::corrupt, what + " is no number"};
  }
  return n;
}

result<std::uint64_t> number_of(const model::safetensors_file& file, const std::string& key) {
  const auto it = file.metadata().find(key);
  if (it == file.metadata().end()) return error{errc::corrupt, file.origin() + ": no " + key};
  return read_number(it->second, file.origin() + ": " + key);
}

// Over the metadata: the hash of the values says nothing of the version that they claim to be.
std::uint64_t seal_of(std::uint64_t line, std::uint64_t number, std::uint64_t hash) {
  const std::string text = std::to_string(line) + " " + std::to_string(number) + " " + std::to_string(hash);
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace

device_state::device_state(std::filesystem::path folder, content_hash line, std::uint64_t values)
    : folder_(std::move(folder)), line_(line), values_(values) {}

result<device_state> device_state::open(std::filesystem::path folder, content_hash line, std::uint64_t values) {
  std::error_code problem;
  std::filesystem::create_directories(folder, problem);
  if (problem) return error{errc::io, folder.string() + ": cannot make this folder (" + problem.message() + ")"};
  std::filesystem::permissions(folder, std::filesystem::perms::owner_all, problem);
  if (problem) return error{errc::io, folder.string() + ": cannot be kept for its owner only (" + problem.message() + ")"};
  model::remove_stale_temporaries(folder);
  return device_state(std::move(folder), line, values);
}

result<kept_version> device_state::read(const std::filesystem::path& path) const {
  FRESHET_TRY_ASSIGN(const model::safetensors_file file, model::safetensors_file::open(path));
  FRESHET_TRY_ASSIGN(const std::uint64_t line, number_of(file, "line"));
  FRESHET_TRY_ASSIGN(const std::uint64_t number, number_of(file, "version"));
  FRESHET_TRY_ASSIGN(const std::uint64_t hash, number_of(file, "hash"));
  FRESHET_TRY_ASSIGN(const std::uint64_t seal, number_of(file, "seal"));
  if (seal != seal_of(line, number, hash)) return error{errc::hash_mismatch, path.string() + ": metadata"};
  if (line != line_.value) {
    return error{errc::wrong_base, path.string() + ": of another line: model or adapter have changed since"};
  }
  FRESHET_TRY_ASSIGN(const host_tensor mapped, file.get("values"));
  if (mapped.type() != dtype::f32 || mapped.items() != values_) {
    return error{errc::shape_mismatch, path.string() + ": " + std::to_string(mapped.items()) + " values of " +
                                           std::string(name(mapped.type())) + "; " + std::to_string(values_) +
                                           " of f32 are right"};
  }
  // The file is replaced by another one, never written again: what is mapped stays.
  kept_version out{version{number}, content_hash{hash}, settled(mapped)};
  if (delta::hash_values(out.values.as<float>(), values_) != out.hash) {
    return error{errc::hash_mismatch, path.string() + ": values"};
  }
  return out;
}

device_state::restored device_state::restore() const {
  restored out;
  for (const char* name : {active_name, previous_name}) {
    const std::filesystem::path path = folder_ / name;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) continue;
    auto found = read(path);
    if (found.ok()) {
      out.versions.push_back(std::move(found).value());
    } else {
      out.faults.push_back(found.err());
      // Out of the way, so that the next commit does not make it the previous version.
      if (const auto aside = put_aside(path, "faulty"); !aside.ok()) out.faults.push_back(aside.err());
    }
  }
  return out;
}

result<void> device_state::commit(const kept_version& next, second_slot second) const {
  const std::filesystem::path active = folder_ / active_name;
  std::error_code problem;
  FRESHET_FAULT_POINT("device.commit.before");
  // Whatever dies in between: the version before this one is still there under one of both names.
  if (second == second_slot::takes_active && std::filesystem::exists(active, problem)) {
    std::filesystem::rename(active, folder_ / previous_name, problem);
    if (problem) {
      return {errc::io, active.string() + ": cannot keep it as the previous one (" + problem.message() + ")"};
    }
  }
  FRESHET_FAULT_POINT("device.commit.half");
  FRESHET_TRY(
      model::write_safetensors(active, {{"values", next.values}},
                               {{"line", std::to_string(line_.value)},
                                {"version", std::to_string(next.number.value)},
                                {"hash", std::to_string(next.hash.value)},
                                {"seal", std::to_string(seal_of(line_.value, next.number.value, next.hash.value))}}));
  if (second == second_slot::empties) {
    std::filesystem::remove(folder_ / previous_name, problem);
    if (problem) return {errc::io, (folder_ / previous_name).string() + ": cannot remove it (" + problem.message() + ")"};
  }
  return {};
}

result<std::uint64_t> device_state::position() const {
  const std::filesystem::path path = folder_ / position_name;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::uint64_t{0};
  FRESHET_TRY_ASSIGN(std::string text, model::read_whole_file(path, most_position_bytes));
  if (!text.empty() && text.back() == '\n') text.pop_back();
  FRESHET_TRY_ASSIGN(const std::uint64_t next, read_number(text, path.string()));
  if (next > most_position) return error{errc::corrupt, path.string() + ": " + text + " is no position of a stream"};
  return next;
}

result<void> device_state::keep_position(std::uint64_t next) const {
  return model::write_whole_file(folder_ / position_name, std::to_string(next) + "\n");
}

}  // namespace freshet::actors
