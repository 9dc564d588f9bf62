import{m as e,p as t,v as n}from"./shared-Ck6bdiJd.js";var r=1500,i=n({en:{unsaved:`Changes that you made without a connection are kept on this device and have not reached the server. Signing out removes them.

To send them first, open their page and wait until it says “Saved”.`},"zh-CN":{unsaved:`您在离线时所做的改动还保留在此设备上，没有发送到服务器。退出登录会删除这些改动。

如需先发送，请打开相应页面，等到显示“已保存”。`}});async function a(e,n){if(!e)return!0;let a=[...e.all().keys()];if(a.some(t=>e.marks(t).length>0)&&!n(i().unsaved))return!1;for(let t of a)e.forget(t);let o=new Promise(e=>setTimeout(e,r));return await Promise.race([Promise.all(a.map(t)),o]),!0}for(let t of document.querySelectorAll(`form[data-sign-out]`))t.addEventListener(`submit`,n=>{n.preventDefault(),a(e(),e=>confirm(e)).then(e=>{e&&t.submit()})});