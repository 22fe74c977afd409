#include "kernels/model/model_folder.hpp"

#include <string>
#include <system_error>

namespace freshet::model {
namespace {

namespace fs = std::filesystem;

bool is_replaced(const fs::path& file) {
  const std::string name = file.filename().string();
  return name == "config.json" || name == "model.safetensors.index.json" ||
         (name.rfind("model", 0) == 0 && file.extension() == ".safetensors");
}

}  // namespace

result<void> copy_beside_weights(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::create_directories(to, failed);
  if (failed) return error{errc::io, to.string() + ": " + failed.message()};
  if (fs::equivalent(from, to, failed)) {
    return error{errc::invalid_argument, to.string() + ": the folder of the model itself, which is not written over; name another"};
  }
  for (const auto& entry : fs::directory_iterator(from, failed)) {
    if (!entry.is_regular_file() || is_replaced(entry.path())) continue;
    fs::copy_file(entry.path(), to / entry.path().filename(), fs::copy_options::overwrite_existing, failed);
    if (failed) return error{errc::io, entry.path().string() + ": " + failed.message()};
  }
  if (failed) return error{errc::io, from.string() + ": " + failed.message()};
  return {};
}

}  // namespace freshet::model
