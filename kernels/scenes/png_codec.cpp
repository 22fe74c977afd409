#include "kernels/scenes/png_codec.hpp"

#include <cstring>

#include <png.h>

namespace freshet::scenes {
namespace {

constexpr std::uint8_t signature[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};

/// Chunk sizes walked up to IEND: libpng's simple reader stops at the last image row and would take
/// a file without its end.
bool reaches_its_end(const std::uint8_t* bytes, std::size_t size) noexcept {
  std::size_t at = sizeof signature;
  while (size - at >= 12) {
    const std::uint64_t length = (std::uint64_t{bytes[at]} << 24) | (std::uint64_t{bytes[at + 1]} << 16) |
                                 (std::uint64_t{bytes[at + 2]} << 8) | std::uint64_t{bytes[at + 3]};
    if (length + 12 > size - at) return false;
    if (std::memcmp(bytes + at + 4, "IEND", 4) == 0) return true;
    at += static_cast<std::size_t>(length) + 12;
  }
  return false;
}

/// libpng's simple interface: errors are caught inside it, no long jump reaches us.
struct png_session {
  png_image header{};
  png_session() { header.version = PNG_IMAGE_VERSION; }
  ~png_session() { png_image_free(&header); }
  png_session(const png_session&) = delete;
  png_session& operator=(const png_session&) = delete;
  [[nodiscard]] bool failed() const { return PNG_IMAGE_FAILED(header); }
  [[nodiscard]] std::string message() const { return std::string("PNG: ") + header.message; }
};

}  // namespace

bool is_png(const std::uint8_t* bytes, std::size_t size) noexcept {
  return size >= sizeof signature && std::memcmp(bytes, signature, sizeof signature) == 0;
}

result<image> decode_png(const std::uint8_t* bytes, std::size_t size, const image_limits& limits) {
  if (!is_png(bytes, size)) return {errc::corrupt, "PNG: no signature"};
  if (!reaches_its_end(bytes, size)) return {errc::truncated, "PNG: ends before its last chunk"};
  png_session session;
  if (png_image_begin_read_from_memory(&session.header, bytes, size) == 0) return {errc::corrupt, session.message()};
  const std::uint64_t pixels = std::uint64_t{session.header.width} * session.header.height;
  if (pixels == 0) return {errc::corrupt, "PNG: a side is 0"};
  if (pixels > limits.max_pixels)
    return {errc::too_large, "PNG: " + std::to_string(session.header.width) + " x " +
                                 std::to_string(session.header.height) + " pixels, at most " +
                                 std::to_string(limits.max_pixels) + " are read"};
  session.header.format = PNG_FORMAT_RGB;
  image picture(static_cast<int>(session.header.width), static_cast<int>(session.header.height));
  const png_color white{255, 255, 255};
  const int done = png_image_finish_read(&session.header, &white, picture.rgb.data(), 0, nullptr);
  if (done == 0 || session.failed()) return {errc::corrupt, session.message()};
  return picture;
}

result<std::vector<std::uint8_t>> encode_png(const image& picture) {
  if (picture.empty()) return {errc::invalid_argument, "PNG: an empty picture"};
  png_session session;
  session.header.width = static_cast<png_uint_32>(picture.width);
  session.header.height = static_cast<png_uint_32>(picture.height);
  session.header.format = PNG_FORMAT_RGB;
  // Twice: the size first, then the bytes. An estimate would over-allocate by the raw size.
  png_alloc_size_t size = 0;
  if (png_image_write_to_memory(&session.header, nullptr, &size, 0, picture.rgb.data(), 0, nullptr) == 0)
    return {errc::internal, session.message()};
  std::vector<std::uint8_t> bytes(size);
  if (png_image_write_to_memory(&session.header, bytes.data(), &size, 0, picture.rgb.data(), 0, nullptr) == 0)
    return {errc::internal, session.message()};
  bytes.resize(size);
  return bytes;
}

}  // namespace freshet::scenes
