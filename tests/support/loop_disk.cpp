#include "support/loop_disk.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include <catch2/catch.hpp>

#include "support/ends.hpp"
#include "support/private_mounts.hpp"

namespace pararun::testing {
namespace {

// From linux/fs.h and ext4.h, the latter of which is no public header.
constexpr unsigned long kShutdown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kWithoutFlushingTheJournal = 2;

bool make_file_system(const std::filesystem::path& image) {
  std::string name = image.string(), program = "mkfs.ext4", quiet = "-q", force = "-F";
  char* words[] = {program.data(), quiet.data(), force.data(), name.data(), nullptr};
  std::string path = "PATH=/usr/sbin:/sbin:/usr/bin:/bin";
  char* variables[] = {path.data(), nullptr};
  for (const char* directory : {"/usr/sbin/", "/sbin/"}) {
    pid_t pid = 0;
    if (::posix_spawn(&pid, (directory + program).c_str(), nullptr, nullptr, words, variables) != 0) continue;
    int status = 0;
    TEMP_FAILURE_RETRY(::waitpid(pid, &status, 0));
    if (status == 0) return true;
  }
  return false;
}

}  // namespace

LoopDisk::LoopDisk(std::filesystem::path image, std::filesystem::path directory, std::uint64_t bytes)
    : image_(std::move(image)), directory_(std::move(directory)), reason_(private_mounts()) {
  if (!reason_.empty()) return;
  const int fd = ::open(image_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0);
  REQUIRE(::ftruncate(fd, static_cast<off_t>(bytes)) == 0);
  ::close(fd);
  std::filesystem::create_directories(directory_);
  if (!make_file_system(image_)) {
    reason_ = "skipped: mkfs.ext4 does not work here";
  } else {
    mount({});
  }
}

LoopDisk::~LoopDisk() {
  if (mounted_) ::umount2(directory_.c_str(), MNT_DETACH);
}

void LoopDisk::fail(const std::string& what) { reason_ = "skipped: " + what + ": " + std::strerror(errno); }

/// Gives the image a device, which it loses with the last use. What the kernel has in memory of the device goes then as
/// well: kept, it would make changes survive that never were on the disk.
int LoopDisk::attach() {
  const int control = ::open("/dev/loop-control", O_RDWR | O_CLOEXEC);
  if (control < 0) {
    fail("there are no loop devices here");
    return -1;
  }
  const int backing = ::open(image_.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(backing >= 0);
  loop_config config{};
  config.fd = static_cast<std::uint32_t>(backing);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  int loop = -1;
  // Others look for a free one at the same time.
  const bool attached = eventually([&] {
    device_ = "/dev/loop" + std::to_string(::ioctl(control, LOOP_CTL_GET_FREE));
    loop = ::open(device_.c_str(), O_RDWR | O_CLOEXEC);
    if (loop < 0 || ::ioctl(loop, LOOP_CONFIGURE, &config) == 0) return true;
    const int reason = errno;
    ::close(std::exchange(loop, -1));
    errno = reason;
    return reason != EBUSY;
  });
  if (!attached || loop < 0) fail("no loop device is to be had");
  ::close(control);
  ::close(backing);
  return loop;
}

bool LoopDisk::mount(const std::string& options) {
  const int loop = attach();
  if (loop < 0) return false;
  mounted_ = ::mount(device_.c_str(), directory_.c_str(), "ext4", MS_NOATIME, options.c_str()) == 0;
  if (!mounted_) fail("a loop device cannot be mounted");
  ::close(loop);
  return mounted_;
}

void LoopDisk::unmount() {
  // A process that has just been killed may still be on its way out.
  REQUIRE(eventually([&] { return ::umount2(directory_.c_str(), 0) == 0; }));
  mounted_ = false;
}

void LoopDisk::cut_power() {
  const int directory = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(directory >= 0);
  REQUIRE(::ioctl(directory, kShutdown, &kWithoutFlushingTheJournal) == 0);
  ::close(directory);
}

void LoopDisk::restart(const std::string& options) {
  unmount();
  if (!mount(options)) FAIL(reason_);
}

// An image in a file system without room for it would not do: of a write that is cut short, loop devices say that it
// was made.
void LoopDisk::break_behind(std::uint64_t bytes) const {
  const int loop = ::open(device_.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(loop >= 0);
  loop_info64 info{};
  REQUIRE(::ioctl(loop, LOOP_GET_STATUS64, &info) == 0);
  info.lo_sizelimit = bytes;
  REQUIRE(::ioctl(loop, LOOP_SET_STATUS64, &info) == 0);
  ::close(loop);
}

void LoopDisk::write_back() const {
  const int directory = ::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(directory >= 0);
  ::syncfs(directory);
  ::close(directory);
}

}  // namespace pararun::testing
