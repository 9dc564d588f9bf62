/** The server stores no SVG, which can carry scripts: what is shared of one is a picture of it. */

/** Longest side of the picture, in pixels: sharp on a board at twice its size. */
const SIDE = 2048

export async function withoutSvg(file: Blob): Promise<Blob> {
  if (file.type !== 'image/svg+xml') return file
  const url = URL.createObjectURL(file)
  try {
    const image = new Image()
    image.src = url
    await image.decode()
    const scale = SIDE / Math.max(image.naturalWidth, image.naturalHeight, 1)
    const canvas = document.createElement('canvas')
    canvas.width = Math.max(1, Math.round(image.naturalWidth * scale))
    canvas.height = Math.max(1, Math.round(image.naturalHeight * scale))
    canvas.getContext('2d')?.drawImage(image, 0, 0, canvas.width, canvas.height)
    const picture = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'))
    if (!picture) throw new Error('The SVG could not be drawn')
    return picture
  } finally {
    URL.revokeObjectURL(url)
  }
}
