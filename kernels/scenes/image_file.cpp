#include "kernels/scenes/image_file.hpp"

#include "kernels/scenes/jpeg_codec.hpp"
#include "kernels/scenes/png_codec.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

namespace freshet::scenes {
namespace {

error named(const std::filesystem::path& path, error e) {
  e.context = path.string() + ": " + e.context;
  return e;
}

result<std::vector<std::uint8_t>> read_bytes(const std::filesystem::path& path, std::uint64_t max_bytes) {
  std::error_code status;
  if (!std::filesystem::is_regular_file(path, status)) return {errc::not_found, "no such image file"};
  const std::uintmax_t size = std::filesystem::file_size(path, status);
  if (status) return {errc::io, status.message()};
  if (size > max_bytes)
    return {errc::too_large, std::to_string(size) + " bytes, at most " + std::to_string(max_bytes) + " are read"};
  std::ifstream file(path, std::ios::binary);
  if (!file) return {errc::io, std::strerror(errno)};
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size));
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  if (file.gcount() != static_cast<std::streamsize>(size)) return {errc::io, "shrank while it was read"};
  return bytes;
}

}  // namespace

result<image> decode_image(const std::uint8_t* bytes, std::size_t size, const image_limits& limits) {
  if (size == 0) return {errc::truncated, "an empty file"};
  if (is_png(bytes, size)) return decode_png(bytes, size, limits);
  if (is_jpeg(bytes, size)) return decode_jpeg(bytes, size, limits);
  return {errc::unsupported, "neither PNG nor JPEG by its first bytes"};
}

result<image> read_image(const std::filesystem::path& path, const image_limits& limits) {
  const auto bytes = read_bytes(path, limits.max_file_bytes);
  if (!bytes) return named(path, bytes.err());
  auto picture = decode_image(bytes->data(), bytes->size(), limits);
  if (!picture) return named(path, picture.err());
  return picture;
}

result<void> write_png(const std::filesystem::path& path, const image& picture) {
  FRESHET_TRY_ASSIGN(const auto bytes, encode_png(picture));
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) return {errc::io, path.string() + ": cannot be written: " + std::strerror(errno)};
  return {};
}

}  // namespace freshet::scenes
