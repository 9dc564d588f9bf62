/** Requests to the server. Every failure is an Error whose message is fit for people, in their language. */
import type { Role, StoredFile } from '../contract'
import type { RoomData } from './bootstrap'
import { roomStrings } from './strings'

interface Refusal {
  error?: string
  message?: string
}

async function sendJson(data: RoomData, method: string, url: string, body: unknown): Promise<unknown> {
  let response: Response
  try {
    response = await fetch(url, {
      method,
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRFToken': data.csrf },
      body: JSON.stringify(body),
    })
  } catch {
    throw new Error(roomStrings().unreachable)
  }
  const answer: unknown = await response.json().catch(() => null)
  if (!response.ok) throw new Error((answer as Refusal | null)?.message || roomStrings().failed)
  return answer
}

export async function renameRoom(data: RoomData, title: string): Promise<void> {
  await sendJson(data, 'PATCH', data.urls.room, { title })
}

export async function renamePage(data: RoomData, pageId: string, title: string): Promise<void> {
  await sendJson(data, 'PATCH', data.urls.page + pageId, { title })
}

/** Make a link that lets others in with this role. The server tells its address this one time only. */
export async function makeLink(data: RoomData, role: Role): Promise<string> {
  const answer = (await sendJson(data, 'POST', data.urls.links ?? '', { role })) as { url: string }
  return new URL(answer.url, location.href).href
}

export async function renameMe(data: RoomData, name: string): Promise<string> {
  const answer = (await sendJson(data, 'POST', data.urls.me, { name })) as { name?: string } | null
  return answer?.name || name
}

/**
 * Store an image. `XMLHttpRequest`, because `fetch` cannot tell how much of a body was sent.
 *
 * Args:
 *     onProgress: Told the fraction that was sent, from 0 to 1.
 */
export function upload(
  data: RoomData,
  filesUrl: string,
  file: Blob,
  onProgress?: (fraction: number) => void,
): Promise<StoredFile> {
  const strings = roomStrings()
  return new Promise((resolve, reject) => {
    if (file.size > data.limits.upload_bytes) {
      reject(new Error(strings.uploadTooLarge(String(Math.floor(data.limits.upload_bytes / 1_048_576)))))
      return
    }
    const form = new FormData()
    form.append('file', file, file instanceof File ? file.name : 'image')
    const request = new XMLHttpRequest()
    request.open('POST', filesUrl)
    request.responseType = 'json'
    request.setRequestHeader('Accept', 'application/json')
    request.setRequestHeader('X-CSRFToken', data.csrf)
    request.upload.onprogress = ({ lengthComputable, loaded, total }) => {
      if (lengthComputable && total > 0) onProgress?.(loaded / total)
    }
    request.onerror = () => reject(new Error(strings.unreachable))
    request.onload = () => {
      if (request.status === 201 || request.status === 200) resolve(request.response as StoredFile)
      else reject(new Error((request.response as Refusal | null)?.message || strings.uploadFailed))
    }
    request.send(form)
  })
}
