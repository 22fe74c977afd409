#include "kernels/scenes/jpeg_codec.hpp"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>
// Needs what jpeglib.h declares.
#include <jerror.h>

namespace freshet::scenes {
namespace {

/// A progressive file may hold any number of scans over a huge picture; real ones have about ten.
constexpr int max_scans = 128;

/// libjpeg's error handler ends the process unless it is replaced: ours jumps back. It is the
/// first member, so that the library's pointer to it is a pointer to the whole.
struct error_trap {
  jpeg_error_mgr base{};
  std::jmp_buf back;
  int fatal = 0;    ///< message code of the error that ended decoding
  int warning = 0;  ///< first warning that means damaged data
  char text[JMSG_LENGTH_MAX] = {};
};

void on_error(j_common_ptr info) {
  auto* trap = reinterpret_cast<error_trap*>(info->err);
  trap->fatal = info->err->msg_code;
  info->err->format_message(info, trap->text);
  std::longjmp(trap->back, 1);
}

/// The library repairs what it can and warns. What is harmless (odd markers, junk between
/// segments) passes; what means lost picture data is remembered.
void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;  // trace
  auto* trap = reinterpret_cast<error_trap*>(info->err);
  const int code = info->err->msg_code;
  const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM || code == JWRN_BOGUS_PROGRESSION ||
                        code == JWRN_JFIF_MAJOR || code == JWRN_TOO_MUCH_DATA;
  if (harmless || trap->warning != 0) return;
  trap->warning = code;
  info->err->format_message(info, trap->text);
}

void on_output(j_common_ptr) {}

void on_progress(j_common_ptr info) {
  auto* decoder = reinterpret_cast<j_decompress_ptr>(info);
  if (decoder->input_scan_number <= max_scans) return;
  info->err->msg_code = JERR_BAD_PROGRESSION;
  info->err->error_exit(info);
}

void install(error_trap& trap) {
  jpeg_std_error(&trap.base);
  trap.base.error_exit = on_error;
  trap.base.emit_message = on_message;
  trap.base.output_message = on_output;
}

// The functions that call setjmp hold no object with a destructor: everything that must be freed
// belongs to their callers.

enum class step { failed, done };

struct decoding {
  jpeg_decompress_struct info{};
  jpeg_progress_mgr progress{};
  error_trap trap;
  bool created = false;
};

step read_header(decoding& d, const std::uint8_t* bytes, std::size_t size) {
  if (setjmp(d.trap.back) != 0) return step::failed;
  jpeg_create_decompress(&d.info);
  d.created = true;
  d.progress.progress_monitor = on_progress;
  d.info.progress = &d.progress;
  jpeg_mem_src(&d.info, bytes, static_cast<unsigned long>(size));
  jpeg_read_header(&d.info, TRUE);
  return step::done;
}

step read_rows(decoding& d, std::uint8_t* rgb) {
  if (setjmp(d.trap.back) != 0) return step::failed;
  d.info.out_color_space = JCS_RGB;
  jpeg_start_decompress(&d.info);
  const std::size_t stride = static_cast<std::size_t>(d.info.output_width) * 3;
  while (d.info.output_scanline < d.info.output_height) {
    JSAMPROW row = rgb + stride * d.info.output_scanline;
    jpeg_read_scanlines(&d.info, &row, 1);
  }
  jpeg_finish_decompress(&d.info);
  return step::done;
}

error why(const error_trap& trap) {
  const int code = trap.fatal != 0 ? trap.fatal : trap.warning;
  errc kind = errc::corrupt;
  // A missing end is first warned of, then fails as whatever it happens to look like.
  if (trap.warning == JWRN_JPEG_EOF || code == JERR_INPUT_EOF || code == JERR_INPUT_EMPTY) kind = errc::truncated;
  if (code == JERR_CONVERSION_NOTIMPL || code == JERR_BAD_PRECISION || code == JERR_SOF_UNSUPPORTED)
    kind = errc::unsupported;
  if (code == JERR_IMAGE_TOO_BIG) kind = errc::too_large;
  return {kind, std::string("JPEG: ") + trap.text};
}

struct encoding {
  jpeg_compress_struct info{};
  error_trap trap;
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  bool created = false;
  ~encoding() {
    if (created) jpeg_destroy_compress(&info);
    std::free(bytes);  // allocated by the library with malloc
  }
};

step write_all(encoding& e, const image& picture, int quality) {
  if (setjmp(e.trap.back) != 0) return step::failed;
  jpeg_create_compress(&e.info);
  e.created = true;
  jpeg_mem_dest(&e.info, &e.bytes, &e.size);
  e.info.image_width = static_cast<JDIMENSION>(picture.width);
  e.info.image_height = static_cast<JDIMENSION>(picture.height);
  e.info.input_components = 3;
  e.info.in_color_space = JCS_RGB;
  jpeg_set_defaults(&e.info);
  jpeg_set_quality(&e.info, quality, TRUE);
  jpeg_start_compress(&e.info, TRUE);
  while (e.info.next_scanline < e.info.image_height) {
    // The library's interface is not const-correct; it only reads.
    auto* row = const_cast<JSAMPROW>(picture.at(0, static_cast<int>(e.info.next_scanline)));
    jpeg_write_scanlines(&e.info, &row, 1);
  }
  jpeg_finish_compress(&e.info);
  return step::done;
}

}  // namespace

bool is_jpeg(const std::uint8_t* bytes, std::size_t size) noexcept {
  return size >= 3 && bytes[0] == 0xFF && bytes[1] == 0xD8 && bytes[2] == 0xFF;
}

result<image> decode_jpeg(const std::uint8_t* bytes, std::size_t size, const image_limits& limits) {
  if (!is_jpeg(bytes, size)) return {errc::corrupt, "JPEG: no signature"};
  struct cleaned : decoding {
    ~cleaned() {
      if (created) jpeg_destroy_decompress(&info);
    }
  } d;
  install(d.trap);
  d.info.err = &d.trap.base;
  if (read_header(d, bytes, size) == step::failed) return why(d.trap);
  const std::uint64_t pixels = std::uint64_t{d.info.image_width} * d.info.image_height;
  if (pixels == 0) return {errc::corrupt, "JPEG: a side is 0"};
  if (pixels > limits.max_pixels)
    return {errc::too_large, "JPEG: " + std::to_string(d.info.image_width) + " x " +
                                 std::to_string(d.info.image_height) + " pixels, at most " +
                                 std::to_string(limits.max_pixels) + " are read"};
  image picture(static_cast<int>(d.info.image_width), static_cast<int>(d.info.image_height));
  if (read_rows(d, picture.rgb.data()) == step::failed || d.trap.warning != 0) return why(d.trap);
  return picture;
}

result<std::vector<std::uint8_t>> encode_jpeg(const image& picture, int quality) {
  if (picture.empty()) return {errc::invalid_argument, "JPEG: an empty picture"};
  if (quality < 1 || quality > 100)
    return {errc::invalid_argument, "JPEG: quality " + std::to_string(quality) + "; it lies in [1, 100]"};
  encoding e;
  install(e.trap);
  e.info.err = &e.trap.base;
  if (write_all(e, picture, quality) == step::failed) return why(e.trap);
  return std::vector<std::uint8_t>(e.bytes, e.bytes + e.size);
}

}  // namespace freshet::scenes
